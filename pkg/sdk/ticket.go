package sdk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ticket is what the middleware tells the application's step-up page, through the user's browser and
// therefore signed: what is asked for, and where to go afterwards.
type ticket struct {
	Challenge string   `json:"c"`
	Session   string   `json:"s"` // nobody else's ticket is any good
	Return    string   `json:"r"`
	ACR       []string `json:"a,omitempty"`
	MaxAge    int64    `json:"m,omitempty"` // seconds
	Expires   int64    `json:"e"`           // Unix seconds
}

const (
	ticketLife = 30 * time.Minute
	maxTicket  = 4096
	maxReturn  = 1024
	// minReturnKey is the least length of the signing key, bytes.
	minReturnKey = 32
)

var errTicket = errors.New("step-up ticket is missing, altered, expired or another session's")

func (t ticket) seal(key []byte) string {
	body, _ := json.Marshal(t) // strings and numbers only
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(key, text))
}

func openTicket(key []byte, sealed, session string, now time.Time) (t ticket, err error) {
	text, mac, found := strings.Cut(sealed, ".")
	if !found || len(sealed) > maxTicket {
		return t, errTicket
	}
	got, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(got, sign(key, text)) {
		return t, errTicket
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(body, &t) != nil {
		return ticket{}, errTicket
	}
	if t.Session != session || now.Unix() >= t.Expires || !localPath(t.Return) {
		return ticket{}, errTicket
	}
	return t, nil
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("riskd step-up ticket\x00"))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// localPath tells whether a redirect to p stays on this origin, as every browser reads it.
func localPath(p string) bool {
	if len(p) == 0 || len(p) > maxReturn || p[0] != '/' || strings.HasPrefix(p, "//") {
		return false
	}
	for i := 0; i < len(p); i++ {
		if c := p[i]; c <= ' ' || c == '\\' || c == 0x7f { // browsers drop or turn these
			return false
		}
	}
	u, err := url.Parse(p)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil
}

// returnPath is where to go once r may: there again if it only reads, else where its form was.
func returnPath(r *http.Request, fixed string) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if p := r.URL.RequestURI(); localPath(p) {
			return p
		}
	} else if fixed != "" {
		return fixed
	} else if ref, err := url.Parse(r.Referer()); err == nil && ref.Host == r.Host && localPath(ref.RequestURI()) {
		return ref.RequestURI()
	}
	return "/"
}

// LocalPath tells whether a redirect to p stays on this origin, as every browser reads it. Use it on any
// address that came through a browser, such as the next parameter of a login page.
func LocalPath(p string) bool { return localPath(p) }
