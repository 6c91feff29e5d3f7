package bridge

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// answer is what goes back to the client. The status and the headers are sent with the first
// byte of output, so that an error before it has a status of its own.
type answer struct {
	bridge   *Bridge
	w        http.ResponseWriter
	q        *request
	format   string
	tag      string // of an error after the first byte
	began    time.Time
	progress chdb.Progress

	started bool
	to      io.Writer // what output is written to: frames or encoding over held or w
	encoder encoder
	held    *spool
	flushed time.Time
}

func (b *Bridge) newAnswer(w http.ResponseWriter, q *request) *answer {
	return &answer{bridge: b, w: w, q: q, format: q.format, tag: newTag(), began: time.Now()}
}

// newTag is 16 letters that no output can contain by chance.
func newTag() string { return strings.ToLower(rand.Text()[:16]) }

func (a *answer) headers() {
	h := a.w.Header()
	h.Set("X-ClickHouse-Query-Id", a.q.id)
	h.Set("X-ClickHouse-Format", a.format)
	h.Set("X-ClickHouse-Timezone", a.bridge.zone.String())
	h.Set("X-ClickHouse-Server-Display-Name", a.bridge.display)
	h.Set("X-ClickHouse-Summary", a.summary())
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	h.Set("Content-Type", contentType(a.format))
}

// summary is exact when the query has ended; before, it holds what is known.
func (a *answer) summary() string {
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	out, _ := json.Marshal(struct { // strings only: it cannot fail
		ReadRows     string `json:"read_rows"`
		ReadBytes    string `json:"read_bytes"`
		WrittenRows  string `json:"written_rows"`
		WrittenBytes string `json:"written_bytes"`
		Total        string `json:"total_rows_to_read"`
		ResultRows   string `json:"result_rows"`
		ResultBytes  string `json:"result_bytes"`
		Elapsed      string `json:"elapsed_ns"`
	}{
		text(a.progress.ReadRows), text(a.progress.ReadBytes), text(a.progress.WrittenRows), text(a.progress.WrittenBytes),
		"0", text(a.progress.ResultRows), "0", text(uint64(time.Since(a.began).Nanoseconds())),
	})
	return string(out)
}

// start opens the way to the client.
func (a *answer) start() error {
	a.started = true
	a.headers()
	a.to = a.w
	if a.q.hold {
		a.held = &spool{most: a.bridge.cfg.MaxHeld}
		a.to = a.held
	}
	if a.q.encoding != "" && !a.q.framed {
		encoder, err := newEncoder(a.to, a.q.encoding)
		if err != nil {
			return fmt.Errorf("preparing %s: %w", a.q.encoding, err)
		}
		a.w.Header().Set("Content-Encoding", a.q.encoding)
		a.encoder, a.to = encoder, encoder
	}
	a.w.Header().Add("Vary", "Accept-Encoding")
	if a.q.framed {
		a.to = newFrameWriter(a.to, a.q.method)
	}
	return nil
}

// flushInterval is how long output may stay in buffers while a query goes on.
const flushInterval = 50 * time.Millisecond

// write sends output.
func (a *answer) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if !a.started {
		if err := a.start(); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(transferTimeout)
	if err := http.NewResponseController(a.w).SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("setting a deadline: %w", err)
	}
	_, err := a.to.Write(data)
	return err
}

// flush pushes out what was written, not more often than is useful.
func (a *answer) flush() error {
	if !a.started || a.held != nil || time.Since(a.flushed) < flushInterval {
		return nil
	}
	a.flushed = time.Now()
	if a.encoder != nil {
		if err := a.encoder.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(a.w).Flush()
}

// finish completes a good answer.
func (a *answer) finish() error {
	if !a.started {
		a.headers() // no output at all
		return nil
	}
	if a.encoder != nil {
		if err := a.encoder.Close(); err != nil {
			return err
		}
	}
	if a.held == nil {
		return nil
	}
	defer a.held.discard()
	a.headers()
	a.w.Header().Set("Content-Length", strconv.FormatInt(a.held.size, 10))
	return a.held.copyTo(a.w)
}

// fail reports an error. After the first byte all that is left is ClickHouse's block at the end of the
// body, and to break off the transfer so that no client takes it for complete.
func (a *answer) fail(err error) {
	e := asException(err)
	if a.held != nil {
		a.held.discard()
		a.held, a.started, a.encoder = nil, false, nil
		a.w.Header().Del("Content-Encoding")
	}
	if !a.started {
		a.headers()
		a.w.Header().Del("X-ClickHouse-Format")
		a.w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
		a.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		a.w.WriteHeader(status(e.Code))
		body := io.Writer(a.w)
		if a.q.framed {
			body = newFrameWriter(a.w, a.q.method)
		}
		_, _ = io.WriteString(body, a.bridge.text(e)) // nobody is left to tell
		return
	}
	message := a.bridge.text(e)
	block := "\r\n__exception__\r\n" + a.tag + "\r\n" + message + "\n" + strconv.Itoa(len(message)+1) + " " + a.tag + "\r\n__exception__\r\n"
	body := io.Writer(a.w)
	if a.encoder != nil {
		body = a.encoder
	}
	_, writeErr := io.WriteString(body, block)
	if a.encoder != nil {
		writeErr = errors.Join(writeErr, a.encoder.Close())
	}
	if writeErr == nil {
		writeErr = http.NewResponseController(a.w).Flush()
	}
	if writeErr != nil {
		a.bridge.log.Debug("the client has gone before its error could be sent", "error", writeErr)
	}
	panic(http.ErrAbortHandler)
}

// text is an error as a server words it.
func (b *Bridge) text(e *chdb.Exception) string {
	return e.Text() + fmt.Sprintf(" (version %d.%d.%d)", b.version.Major, b.version.Minor, b.version.Patch)
}

// fail answers where there is no query yet.
func fail(w http.ResponseWriter, e *chdb.Exception, code int) {
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, e.Text()+"\n") // nobody is left to tell
}
