package bridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// serveQuery runs one statement for a client.
func (b *Bridge) serveQuery(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT")
		http.Error(w, "method "+r.Method+" is not known here", http.StatusMethodNotAllowed)
		return
	}
	defer drain(w, r)
	parameters := r.URL.Query()
	bare := r.Method != http.MethodPost && r.Method != http.MethodPut && !parameters.Has("query")
	if bare && (r.Body == nil || r.ContentLength == 0) {
		answerOk(w) // how a server says that it lives; not worth a password
		return
	}
	reads, refused := b.authenticate(r, parameters)
	if refused == nil && reads && parameters.Get("session_id") != "" {
		refused = exception(codeAccessDenied, "%s may only read, and has no sessions", b.cfg.Reader)
	}
	if refused != nil {
		fail(w, refused, status(refused.Code))
		return
	}
	external, err := b.readForm(r, parameters)
	if err != nil {
		b.stats.errors.Add(1)
		fail(w, asException(err), status(asException(err).Code))
		return
	}
	q, err := b.parseRequest(w, r, parameters, external)
	if err != nil {
		b.stats.errors.Add(1)
		fail(w, asException(err), status(asException(err).Code))
		return
	}
	defer q.free()
	if q.reads = reads; reads {
		q.limits = []string{"SET profile = " + quote(b.cfg.Reader), "SET " + b.cfg.ReaderSettings}
	}
	a := b.newAnswer(w, q)
	if err := b.run(r.Context(), q, a); err != nil {
		b.stats.errors.Add(1)
		a.fail(err)
	}
}

// run takes a request from its text to the last byte of its answer.
func (b *Bridge) run(ctx context.Context, q *request, a *answer) error {
	text, insert, whole, err := q.statementText(b.cfg.MaxQueryBytes)
	if err != nil {
		return err
	}
	if insert != nil && q.reads {
		return exception(codeReadonly, "Cannot execute query in readonly mode: %s may only read", b.cfg.Reader)
	}
	if insert == nil && blank(text) {
		return exception(codeSyntax, "Syntax error: Empty query")
	}
	if err := b.takeSlot(ctx); err != nil {
		return err
	}
	defer func() { <-b.slots }()
	one, refused := b.queries.start(q.id)
	if refused != nil {
		return refused
	}
	defer b.queries.end(one)
	b.stats.queries.Add(1)

	conn, leave, err := b.enterSession(q, one.tag)
	if err != nil {
		return err
	}
	defer leave()
	task := task{bridge: b, conn: conn, q: q, answer: a, query: one}
	if insert != nil && insert.format == "Values" && whole && len(q.params) > 0 {
		insert = nil // parameters among the values are for the parser of statements
	}
	if insert != nil {
		err = task.insert(*insert, text, whole)
	} else {
		err = task.statement(ctx, text)
	}
	b.stats.written.Add(a.progress.WrittenRows)
	b.stats.read.Add(a.progress.ReadRows)
	return err
}

// takeSlot waits for one of the places that statements may run in.
func (b *Bridge) takeSlot(ctx context.Context) error {
	select {
	case b.slots <- struct{}{}:
		return nil
	default:
	}
	timeout := time.NewTimer(b.cfg.QueueTimeout)
	defer timeout.Stop()
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return exception(codeCancelled, "the client has gone before its query could start")
	case <-b.closing:
		return exception(codeAborted, "the engine is shutting down")
	case <-timeout.C:
		return exception(codeTooManyQueries, "Too many simultaneous queries. Maximum: %d", b.cfg.MaxQueries)
	}
}

// enterSession gives a request a connection with its settings: a fresh one, or that of its
// session. The returned function gives it back as it was.
func (b *Bridge) enterSession(q *request, tag string) (*chdb.Conn, func(), error) {
	if q.session == "" {
		conn, err := b.connect()
		if err != nil {
			return nil, nil, fmt.Errorf("opening an engine connection: %w", err)
		}
		if err := prepare(conn, q, tag, nil); err != nil {
			conn.Close()
			return nil, nil, err
		}
		return conn, conn.Close, nil
	}
	s, timeout, err := b.acquireSession(q.session, q.parameters)
	if err != nil {
		return nil, nil, err
	}
	var undo []string
	leave := func() {
		broken := false
		for _, statement := range undo {
			if err := s.conn.Exec(statement); err != nil {
				b.log.Warn("a session could not be put back and was closed", "error", err)
				broken = true
			}
		}
		if err := unload(s.conn, q.external); err != nil {
			broken = true
		}
		b.releaseSession(q.session, s, timeout, q.end || broken)
	}
	if err := prepare(s.conn, q, tag, &undo); err != nil {
		leave()
		return nil, nil, err
	}
	return s.conn, leave, nil
}

// prepare applies database, settings and external tables to a connection. With undo it also
// notes how to take the settings back.
func prepare(conn *chdb.Conn, q *request, tag string, undo *[]string) error {
	if q.database != "" {
		if err := conn.Exec("USE " + quoteName(q.database)); err != nil {
			return err
		}
	}
	if err := load(conn, q.external); err != nil {
		return err
	}
	if undo != nil {
		for i := len(q.settings) - 1; i >= 0; i-- {
			back, err := restoring(conn, q.settings[i].name)
			if err != nil {
				return err
			}
			*undo = append(*undo, back)
		}
	}
	for _, one := range q.limits { // first: what the client sets must keep to them
		if err := conn.Exec(one); err != nil {
			return err
		}
	}
	var set strings.Builder
	set.WriteString("SET " + tagSetting + " = " + quote(tag))
	for _, one := range q.settings {
		set.WriteString(", " + one.name + " = " + quote(one.value))
	}
	return conn.Exec(set.String())
}

// restoring is the statement that gives a setting the value that it has now.
func restoring(conn *chdb.Conn, name string) (string, error) {
	param := chdb.Param{Name: "name", Value: name}
	changed, err := conn.Text("SELECT changed FROM system.settings WHERE name = {name:String}", param)
	if err != nil {
		return "", err
	}
	if changed != "1" {
		return "SET " + name + " = DEFAULT", nil
	}
	value, err := conn.Text("SELECT value FROM system.settings WHERE name = {name:String}", param)
	if err != nil {
		return "", err
	}
	return "SET " + name + " = " + quote(value), nil
}

// blank tells whether a text holds no statement.
func blank(text string) bool {
	lex := lexer{text: text}
	for {
		t := lex.next()
		if t.kind == tokenEnd {
			return true
		}
		if t.kind != tokenPunct || t.text != ";" {
			return false
		}
	}
}

const (
	// maxDrain and drainTimeout bound what is read of an upload that was refused. A client
	// that is still sending would otherwise see a broken connection instead of the reason.
	maxDrain     = 256 << 20
	drainTimeout = 10 * time.Second
)

func drain(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.ContentLength == 0 {
		return
	}
	var probe [1]byte
	if n, err := r.Body.Read(probe[:]); n == 0 && err != nil {
		return // read to its end already, or broken
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTimeout)) // best effort
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}
