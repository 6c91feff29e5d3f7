package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// open makes a consumer behind the last message held.
func (t *Tail) open(ctx context.Context) error {
	t.drop()
	if !t.nc.IsConnected() {
		return t.fail(nats.ErrDisconnected)
	}
	select {
	case <-t.online: // older than this attempt
	default:
	}
	t.mu.Lock()
	from := t.seq + 1
	t.attempts++ // only where there is a connection: once it is back nothing is waited for
	t.mu.Unlock()
	// It takes as long as it takes, even where the caller would have waited for less: cut short each time it would never be made. Who is stopped does not wait.
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), tailTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})()
	name := "riskd_" + nuid.Next()
	inbox := t.nc.NewInbox()
	sub, err := t.nc.Subscribe(inbox, func(m *nats.Msg) { t.handle(inbox, m) })
	if err != nil {
		return t.fail(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil { // bounded by what is asked for
		_ = sub.Unsubscribe()
		return t.fail(err)
	}
	cons, err := t.js.CreateConsumer(asked, t.stream, jetstream.ConsumerConfig{
		Name: name, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: tailInactive, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		_ = sub.Unsubscribe()
		t.giveBack(name) // it may be made all the same
		return t.fail(fmt.Errorf("creating consumer on %s: %w", t.stream, err))
	}
	t.sub, t.name = sub, name
	t.pull = "$JS.API.CONSUMER.MSG.NEXT." + t.stream + "." + name
	t.mu.Lock()
	t.inbox, t.current, t.pending = inbox, name, cons.CachedInfo().NumPending
	t.broken, t.refused, t.outstanding, t.cseq, t.heard, t.next = false, false, 0, 0, true, 0
	t.mu.Unlock()
	if t.tap != nil {
		t.tap.set(name, t)
	}
	return nil
}

func (t *Tail) fail(err error) error {
	t.mu.Lock()
	t.stuck = err
	t.mu.Unlock()
	return err
}

// drop gives the current consumer back.
func (t *Tail) drop() {
	if t.sub == nil {
		return
	}
	_ = t.sub.Unsubscribe()
	t.sub = nil
	if t.tap != nil {
		t.tap.set(t.name, nil)
	}
	t.giveBack(t.name)
}

// giveBack tells the server that a consumer is needed no more; it keeps one for a minute otherwise, and a stream has a thousand at most.
func (t *Tail) giveBack(name string) {
	if t.nc.IsConnected() {
		_ = t.nc.Publish("$JS.API.CONSUMER.DELETE."+t.stream+"."+name, nil)
	}
}

// request asks for more once half of the window is free.
func (t *Tail) request() {
	t.mu.Lock()
	used := t.outstanding + t.waiting()
	if t.broken || t.closed || used > t.cfg.Messages/2 {
		t.mu.Unlock()
		return
	}
	n := t.cfg.Messages - used
	t.outstanding += n
	inbox := t.inbox
	t.mu.Unlock()
	body := `{"batch":` + strconv.Itoa(n) + `,"max_bytes":` + strconv.Itoa(t.cfg.Bytes) +
		`,"expires":` + strconv.FormatInt(int64(tailExpiry), 10) + `,"idle_heartbeat":` + strconv.FormatInt(int64(t.cfg.heartbeat), 10) + `}`
	if err := t.nc.PublishRequest(t.pull, inbox, []byte(body)); err != nil {
		t.mu.Lock()
		t.broken, t.stuck = true, err
		t.mu.Unlock()
	}
}

// handle runs on the subscription's goroutine.
func (t *Tail) handle(inbox string, m *nats.Msg) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inbox != inbox || t.closed || t.broken {
		return // of a consumer given up
	}
	t.heard = true
	switch {
	case m.Subject != inbox:
	case len(m.Data) > 0:
		t.answer(m.Data)
		return
	default:
		if t.status(m.Header) {
			t.wake()
		}
		return
	}
	if next, ok := t.follow(parseReply(m.Reply)); ok {
		next.lib, next.Data = m, m.Data
		t.keep(next)
	}
}

// arrive takes a message from a tap. op and body are valid during the call.
func (t *Tail) arrive(op *msgOp, body []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != op.consumer || t.closed || t.broken {
		return
	}
	t.heard = true
	if !op.at.ok {
		op.at = parseReply(op.reply)
	}
	next, ok := t.follow(op.at)
	if !ok {
		return
	}
	if need := len(op.subject) + len(body); need > cap(t.arena)-len(t.arena) {
		t.nextArena(need)
	}
	at := len(t.arena)
	t.arena = append(append(t.arena, op.subject...), body...)
	whole := t.arena[at:len(t.arena):len(t.arena)]
	next.subject = len(op.subject)
	head := next.subject + op.headers
	next.head, next.Data = whole[:head:head], whole[head:]
	next.ours = ofOurs(body[:op.headers]) // now, while it is in the processor's cache
	t.keep(next)
}

// follow takes note of a message; not ok when it does not follow the last one. t.mu is held.
func (t *Tail) follow(d delivery) (m Message, ok bool) {
	if !d.ok || d.cseq != t.cseq+1 || d.seq <= t.seq {
		t.broken, t.stuck = true, fmt.Errorf("message out of order on %s", t.stream)
		t.wake()
		return m, false
	}
	t.seq, t.cseq, t.pending, t.attempts = d.seq, d.cseq, d.pending, 0
	if t.outstanding > 0 {
		t.outstanding--
	}
	return Message{Seq: d.seq, StoredNS: d.ns, Pending: d.pending}, true
}

// status reads a message of the server about our request; true means that Take has to look.
func (t *Tail) status(h nats.Header) bool {
	switch h.Get("Status") {
	case "100":
		return t.beaten(h)
	case "404", "408", "409":
		desc := h.Get("Description")
		left, err := strconv.Atoi(h.Get("Nats-Pending-Messages"))
		ended := strings.Contains(desc, "Deleted") || strings.Contains(desc, "Leadership") || strings.Contains(desc, "Shutdown")
		if err != nil || ended {
			t.broken, t.stuck = true, errors.New(strings.ToLower(desc))
			return true
		}
		t.outstanding = max(t.outstanding-left, 0)
		return true
	default: // 503 no responders and what may come
		t.stuck = fmt.Errorf("consumer refused: %s %s", h.Get("Status"), h.Get("Description"))
		t.outstanding, t.refused = 0, true
		if t.attempts++; t.attempts%tailRefused == 0 {
			t.broken = true
		}
		return true
	}
}

func (t *Tail) wake() {
	select {
	case t.notify <- struct{}{}:
	default:
	}
}
