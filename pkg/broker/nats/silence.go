package natsjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// tailAsk is how many heartbeats go by between two questions to the leader.
const tailAsk = 5

// wait blocks until something may have changed, and marks the reader broken when the server is silent, or sends heartbeats and nothing else
// although the stream holds more.
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

// beaten reads from a heartbeat how many messages the consumer has sent: one that was lost between two nodes shows in the next message, but behind
// the last one of a stream there is none. It reports whether something is missing; t.mu is held.
func (t *Tail) beaten(h nats.Header) bool {
	t.attempts = 0
	sent, err := strconv.ParseUint(h.Get("Nats-Last-Consumer"), 10, 64)
	if err != nil || sent <= t.cseq {
		return false
	}
	t.anew(fmt.Errorf("%d messages behind %d were lost on the way", sent-t.cseq, t.seq))
	return true
}

// silent is what follows when nothing but heartbeats came for a while: the stream's leader is asked now and then whether there is more, since a
// consumer reads the copy of one node, and that copy may stand still. Where what there is does not come either the consumer is made again.
func (t *Tail) silent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch now := time.Now(); {
	case t.next > t.seq:
		t.anew(fmt.Errorf("the consumer brings nothing behind %d, the stream holds %d", t.seq, t.next))
	case !t.heard:
		t.broken, t.stuck = true, errors.New("no heartbeat of the consumer")
	case now.Sub(t.asked) >= tailAsk*t.cfg.heartbeat:
		t.asked = now
		body := `{"seq":` + strconv.FormatUint(t.seq+1, 10) + `,"next_by_subj":">"}`
		_ = t.nc.PublishRequest("$JS.API.STREAM.MSG.GET."+t.stream, t.inbox, []byte(body)) // no answer, no harm: asked again
	}
	t.heard = false
}

// anew gives the consumer up; t.mu is held.
func (t *Tail) anew(why error) {
	t.broken, t.stuck = true, why
	slog.Warn("a stream is read anew", "stream", t.stream, "error", why)
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

// pause waits before another attempt, longer after each that brought nothing, and says now and then why; a broker that is away for a moment is no news.
func (t *Tail) pause(ctx context.Context, attempts int) bool {
	switch now := time.Now(); {
	case attempts <= tailRefused:
		t.told = now
	case now.Sub(t.told) > tailTold:
		t.told = now
		t.mu.Lock()
		why := t.stuck
		t.mu.Unlock()
		slog.Warn("a stream cannot be read, trying again", "stream", t.stream, "attempts", attempts, "error", why)
	}
	return sleep(ctx, min(tailBackoff<<min(attempts-1, 8), tailBackoffMost))
}
