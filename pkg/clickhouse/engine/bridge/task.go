package bridge

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine/chdb"
)

// task is one statement on its connection.
type task struct {
	bridge *Bridge
	conn   *chdb.Conn
	q      *request
	answer *answer
	query  *query
}

// chunks are the buffers that uploads go through.
var chunks = sync.Pool{New: func() any { chunk := make([]byte, 256<<10); return &chunk }}

// insert hands an upload to the engine as it comes. If it does not come to its proper end,
// nothing of it is kept (but see [chdb.Insert] on uploads beyond one insert block).
func (t *task) insert(found insertion, text string, whole bool) error {
	if whole && found.format == "Values" {
		// The engine reads values up to a semicolon and says nothing of what comes after it.
		if _, err := t.alone(text); err != nil {
			return err
		}
	}
	upload, err := t.conn.Insert(found.head, found.format, t.q.params...)
	if err != nil {
		return err
	}
	defer upload.Close()
	chunk := chunks.Get().(*[]byte)
	defer chunks.Put(chunk)
	pending, ended := []byte(text[found.data:]), false
	for {
		if len(pending) > 0 {
			if err := upload.Append(pending); chdb.Stopped(err) {
				break // Finish tells why
			} else if err != nil {
				return err
			}
		}
		if ended {
			break
		}
		pending = (*chunk)[:0]
		if ended, err = readUpTo(t.q.body, &pending, len(*chunk)); err != nil {
			return exception(codeCannotReadAll, "the upload broke off, nothing was inserted: %v", err)
		}
	}
	if t.answer.progress, err = upload.Finish(); err != nil {
		return err
	}
	return t.answer.finish()
}

// statement runs anything else.
func (t *task) statement(ctx context.Context, text string) error {
	class, err := t.alone(text)
	if err != nil {
		return err
	}
	if t.q.reads && class != chdb.ReadOnly {
		return exception(codeReadonly, "Cannot execute query in readonly mode: %s may only read", t.bridge.cfg.Reader)
	}
	seen := examine(text)
	if t.q.reads && (seen.profiled || t.q.parameters.Has("profile")) {
		// The engine checks what is asked for against the profile it had before, and everything after that against the other.
		return exception(codeReadonly, "%s may not change its settings profile", t.bridge.cfg.Reader)
	}
	if seen.refused != nil {
		return seen.refused
	}
	t.answer.format = first(seen.format, t.q.format)
	var revise *reviser
	if t.q.revision > 0 && strings.EqualFold(t.answer.format, "Native") {
		revise = newReviser(t.q.revision, t.bridge.version, t.bridge.zone)
	}
	// A server, too, lets writes go on when their client has gone.
	if class == chdb.ReadOnly {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer t.bridge.killWhenGone(ctx, t.query)()
		if t.streams(seen, text) {
			if err := t.stream(cancel, text, revise); !notStreamed(err) {
				return err
			}
		}
	}
	result, err := t.conn.Query(text, t.q.format, t.q.params...)
	if err != nil {
		return err
	}
	defer result.Free()
	t.answer.progress = result.Progress()
	if err := t.send(result.Bytes(), revise); err != nil {
		return err
	}
	return t.answer.finish()
}

// alone refuses a text of several statements.
func (t *task) alone(text string) (chdb.Class, error) {
	analysis, err := t.conn.Analyze(text)
	if err == nil && analysis.Statements > 1 {
		err = exception(codeSyntax, "Syntax error: Multi-statements are not allowed")
	}
	return analysis.Class, err
}

// streams tells whether the output may come in pieces.
func (t *task) streams(seen statement, text string) bool {
	if seen.verb != "SELECT" && seen.verb != "WITH" || !concatenable[strings.ToLower(t.answer.format)] {
		return false
	}
	// These put something around the whole output.
	lower := strings.ToLower(text)
	for _, word := range []string{"totals", "extremes", "array_of_rows"} {
		if strings.Contains(lower, word) {
			return false
		}
	}
	for _, one := range t.q.settings {
		if one.name == "extremes" || one.name == "output_format_json_array_of_rows" {
			return false
		}
	}
	return true
}

// notStreamed is the engine's answer to statements that it can only run whole.
func notStreamed(err error) bool {
	e, ok := errors.AsType[*chdb.Exception](err)
	return ok && e.Code == codeBadArguments && strings.Contains(e.Message, "Streaming query is not supported")
}

// piece is one part of a streamed output, or the error that ended it; io.EOF is a good end.
type piece struct {
	result *chdb.Result
	err    error
}

func (p piece) free() {
	if p.result != nil {
		p.result.Free()
	}
}

// stream sends the output while the engine works on the next piece. It returns when neither
// is busy any more.
func (t *task) stream(cancel context.CancelFunc, sql string, revise *reviser) error {
	stream, err := t.conn.Stream(sql, t.q.format, t.q.params...)
	if err != nil {
		return err
	}
	defer stream.Close()
	pieces, stop := make(chan piece), make(chan struct{})
	go func() {
		defer close(pieces)
		for {
			result, err := stream.Next()
			select {
			case pieces <- piece{result, err}:
			case <-stop:
				piece{result: result}.free()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	err, live := t.sendAll(pieces, revise)
	if live {
		cancel() // the kill ends an engine call that is still blocked
	}
	close(stop)
	for left := range pieces {
		left.free()
	}
	return err
}

// firstWait is how long the first piece waits for a second. Most answers have but one: then
// their headers can tell all, and an error in the second still gets a status of its own.
const firstWait = 2 * time.Millisecond

// sendAll returns why it ended, and whether the engine was still at it.
func (t *task) sendAll(pieces <-chan piece, revise *reviser) (err error, live bool) {
	one := <-pieces
	var second piece
	waited := false
	if one.err == nil {
		t.answer.progress.Add(one.result.Progress())
		select {
		case second = <-pieces:
			waited = true
		case <-time.After(firstWait):
		}
	}
	if second.err != nil && !errors.Is(second.err, io.EOF) {
		one.free()
		return second.err, false
	}
	for one.err == nil {
		err := t.send(one.result.Bytes(), revise)
		one.free()
		if err == nil {
			err = t.answer.flush()
		}
		if err != nil {
			second.free()
			return err, true
		}
		if waited {
			one, second, waited = second, piece{}, false
		} else {
			one = <-pieces
		}
		if one.err == nil {
			t.answer.progress.Add(one.result.Progress())
		}
	}
	if errors.Is(one.err, io.EOF) {
		return t.answer.finish(), false
	}
	return one.err, false
}

// send writes output, in the revision that the client understands.
func (t *task) send(data []byte, revise *reviser) error {
	if revise != nil && len(data) > 0 {
		revised, err := revise.rewrite(data)
		if err != nil {
			return err
		}
		data = revised
	}
	return t.answer.write(data)
}
