package natsjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"
)

// wait blocks until something may have changed, and marks the reader broken when the server is silent, or sends heartbeats and nothing else
// although the stream holds more: a consumer reads the copy of one node, and that copy may stand still.
func (t *Tail) wait(ctx context.Context) error {
	patience := t.cfg.silence()
	t.mu.Lock()
	if t.next > t.seq {
		patience = t.cfg.heartbeat
	}
	t.mu.Unlock()
	if t.silence == nil {
		t.silence = time.NewTimer(patience)
	} else {
		t.silence.Reset(patience)
	}
	defer t.silence.Stop()
	select {
	case <-t.notify:
	case _, ok := <-t.online:
		if !ok {
			t.online = nil // the connection is closed for good
		}
		t.mu.Lock()
		t.broken, t.stuck = true, errors.New("reconnected")
		t.mu.Unlock()
	case <-ctx.Done():
		return ctx.Err()
	case <-t.silence.C:
		t.silent()
	}
	return nil
}

// silent is what follows when nothing but heartbeats came for a while: the stream's leader is asked whether there is more. Where that does not
// come either the consumer is made again.
func (t *Tail) silent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.next > t.seq:
		t.broken, t.stuck = true, fmt.Errorf("the consumer brings nothing behind %d, the stream holds %d", t.seq, t.next)
		slog.Warn("a stream is read anew", "stream", t.stream, "error", t.stuck)
	case !t.heard:
		t.broken, t.stuck = true, errors.New("no heartbeat of the consumer")
	default:
		body := `{"seq":` + strconv.FormatUint(t.seq+1, 10) + `,"next_by_subj":">"}`
		_ = t.nc.PublishRequest("$JS.API.STREAM.MSG.GET."+t.stream, t.inbox, []byte(body)) // no answer, no harm: asked again next time
	}
	t.heard = false
}

// answer reads what the leader says; t.mu is held.
func (t *Tail) answer(data []byte) {
	var next struct {
		Message struct {
			Seq uint64 `json:"seq"`
		} `json:"message"`
	}
	if json.Unmarshal(data, &next) == nil && next.Message.Seq > t.seq {
		t.next = next.Message.Seq
		t.wake()
	}
}

// unopened says now and then why no consumer can be made; a broker that is away for a moment is no news.
func (t *Tail) unopened(why error) {
	switch now := time.Now(); {
	case t.told.IsZero():
		t.told = now
	case now.Sub(t.told) > tailTold:
		t.told = now
		slog.Warn("a stream cannot be read, trying again", "stream", t.stream, "error", why)
	}
}
