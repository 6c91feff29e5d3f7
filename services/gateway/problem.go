package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// problem is an RFC 9457 body.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Reason is the stable code of an invalid event.
	Reason string `json:"reason,omitempty"`
	*answer
}

const problemPrefix = "urn:riskd:problem:"

func refuse(w http.ResponseWriter, status int, kind, title, detail string) {
	writeProblem(w, problem{Type: problemPrefix + kind, Title: title, Status: status, Detail: detail})
}

func writeProblem(w http.ResponseWriter, p problem) {
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, media string, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only our own structs come here
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}

func comeBack(w http.ResponseWriter, seconds int) {
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
}
