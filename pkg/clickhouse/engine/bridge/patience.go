package bridge

import (
	"io"
	"net/http"
	"time"
)

// transferTimeout is how long a client may keep the engine waiting for the next piece of an
// upload, or for taking the next piece of an answer: five minutes, as on a server. Without it
// a client that stops would hold its query for ever.
const transferTimeout = 5 * time.Minute

// patientReader reads a body with that timeout.
type patientReader struct {
	control *http.ResponseController
	body    io.Reader
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.control.SetReadDeadline(time.Now().Add(transferTimeout)); err != nil {
		return 0, err
	}
	n, err := r.body.Read(p)
	if err != nil {
		// After the body the connection is watched for the client's going; that may take long.
		_ = r.control.SetReadDeadline(time.Time{}) // a broken connection shows in what follows
	}
	return n, err
}
