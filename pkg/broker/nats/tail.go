package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	// tailExpiry and tailHeartbeat keep an idle reader cheap and find a dead consumer soon.
	tailExpiry    = 30 * time.Second
	tailHeartbeat = 5 * time.Second
	// tailSilence is how long nothing may come, heartbeats included.
	tailSilence = 2*tailHeartbeat + time.Second
	// tailInactive is when the server forgets a consumer whose reader is gone.
	tailInactive = time.Minute
	// tailBackoff waits between attempts to make a consumer again.
	tailBackoff = 100 * time.Millisecond
	tailTimeout = 3 * time.Second

	// arenaLeast and arenaMost are how many bytes of messages a tail keeps in one piece of memory: the more the more it reads.
	arenaLeast = 4 << 10
	arenaMost  = 64 << 10
)

// TailConfig bounds what a reader buffers.
type TailConfig struct {
	// Messages is how many may be under way or waiting. Default 2048.
	Messages int
	// Bytes is how many one request to the server may bring. Default 2 MiB; one larger message still comes.
	Bytes int
}

// Tail reads one stream in order from a sequence on, without acks and without a durable consumer: the
// caller keeps its own position. It makes its consumer again after any loss, from where it was.
// One goroutine at a time may call Take.
type Tail struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	tap    *tap // of nc; nil when all comes through the client library
	stream string
	cfg    TailConfig

	sub    *nats.Subscription
	inbox  string
	next   string // request subject of the current consumer
	name   string // current consumer
	notify chan struct{}
	// listener gets a value at every reconnect; online is the same until the connection is closed.
	listener chan nats.Status
	online   <-chan nats.Status
	silence  *time.Timer // of the goroutine that takes

	mu          sync.Mutex
	buf         []Message // from head on: received and not taken
	head        int
	arena       []byte // what a tap brings is kept in here, up to its capacity
	current     string // consumer whose messages are taken
	outstanding int    // asked of the server, not here yet
	seq         uint64 // last stream sequence that is in buf or was taken
	cseq        uint64 // last consumer sequence
	pending     uint64 // messages of the stream behind the last one received
	broken      bool
	stuck       error // why the last request was refused, for the caller's log
	heard       bool  // anything since that was looked at
	closed      bool
}

// OpenTail prepares to read stream from sequence from on (1 is the first). No traffic before Take.
func OpenTail(js jetstream.JetStream, stream string, from uint64, cfg TailConfig) (*Tail, error) {
	if cfg.Messages <= 0 {
		cfg.Messages = 2048
	}
	if cfg.Bytes <= 0 {
		cfg.Bytes = 2 << 20
	}
	t := &Tail{nc: js.Conn(), js: js, stream: stream, cfg: cfg, broken: true, notify: make(chan struct{}, 1),
		listener: js.Conn().StatusChanged(nats.CONNECTED)}
	t.online = t.listener
	t.tap, _ = t.nc.Opts.CustomDialer.(*tap)
	if from > 0 {
		t.seq = from - 1
	}
	return t, nil
}

// Take appends at least one message to dst, and whatever else is there already, up to max messages and
// about maxBytes of payload. It blocks until ctx ends. Errors other than ctx's are not returned:
// the reader reconnects until it works, because its position is known.
func (t *Tail) Take(ctx context.Context, dst []Message, max, maxBytes int) ([]Message, error) {
	dst, _, err := t.take(ctx, dst, max, maxBytes, false)
	return dst, err
}

// Drain is Take that also returns, without a message, when the end of the stream is reached. end tells that it
// is: there is nothing more to read for now.
func (t *Tail) Drain(ctx context.Context, dst []Message, max, maxBytes int) (msgs []Message, end bool, err error) {
	return t.take(ctx, dst, max, maxBytes, true)
}

func (t *Tail) take(ctx context.Context, dst []Message, max, maxBytes int, drain bool) (msgs []Message, end bool, err error) {
	for {
		t.mu.Lock()
		broken := t.broken || t.closed
		var got bool
		if !t.closed {
			dst, got = t.takeLocked(dst, max, maxBytes)
		}
		end = !broken && t.waiting() == 0 && t.pending == 0
		t.mu.Unlock()
		if got || drain && end {
			if !broken {
				t.request()
			}
			return dst, end, nil
		}
		if err := ctx.Err(); err != nil {
			return dst, false, err
		}
		if broken {
			if err := t.open(ctx); err != nil {
				if !sleep(ctx, tailBackoff) {
					return dst, false, ctx.Err()
				}
			}
			continue
		}
		t.request()
		if err := t.wait(ctx); err != nil {
			return dst, false, err
		}
	}
}

// Last is why the reader could not reach its stream last, nil when it could.
func (t *Tail) Last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stuck
}

// Close ends the reader and its consumer.
func (t *Tail) Close() {
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if !closed {
		t.nc.RemoveStatusListener(t.listener)
		t.drop(true)
	}
}

func (t *Tail) takeLocked(dst []Message, max, maxBytes int) ([]Message, bool) {
	have := t.buf[t.head:]
	if len(have) == 0 {
		return dst, false
	}
	n, bytes := 0, 0
	for n < len(have) && n < max && (n == 0 || bytes+len(have[n].Data) <= maxBytes) {
		bytes += len(have[n].Data)
		n++
	}
	dst = append(dst, have[:n]...)
	clear(have[:n])
	if t.head += n; t.head == len(t.buf) {
		t.buf, t.head = t.buf[:0], 0
	}
	return dst, true
}

// waiting is how many messages may be taken; t.mu is held.
func (t *Tail) waiting() int { return len(t.buf) - t.head }

// keep appends a message; t.mu is held. What was taken makes room, so that the buffer stays within about the window.
func (t *Tail) keep(m Message) {
	if len(t.buf) == cap(t.buf) && t.head >= len(t.buf)/2 && t.head > 0 {
		n := copy(t.buf, t.buf[t.head:])
		clear(t.buf[n:])
		t.buf, t.head = t.buf[:n], 0
	}
	t.buf = append(t.buf, m)
	if t.waiting() == 1 {
		t.wake()
	}
}

// wait blocks until something may have changed, and marks the reader broken when the server is silent.
func (t *Tail) wait(ctx context.Context) error {
	if t.silence == nil {
		t.silence = time.NewTimer(tailSilence)
	} else {
		t.silence.Reset(tailSilence)
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
		t.mu.Lock()
		if !t.heard {
			t.broken, t.stuck = true, errors.New("no heartbeat of the consumer")
		}
		t.heard = false
		t.mu.Unlock()
	}
	return nil
}

// open makes a consumer behind the last message held.
func (t *Tail) open(ctx context.Context) error {
	t.drop(false)
	if !t.nc.IsConnected() {
		return t.fail(nats.ErrDisconnected)
	}
	select {
	case <-t.online: // older than this attempt
	default:
	}
	t.mu.Lock()
	from := t.seq + 1
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, tailTimeout)
	defer cancel()
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
	cons, err := t.js.CreateConsumer(ctx, t.stream, jetstream.ConsumerConfig{
		Name: name, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
		AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: tailInactive, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		_ = sub.Unsubscribe()
		return t.fail(fmt.Errorf("creating consumer on %s: %w", t.stream, err))
	}
	t.sub, t.name = sub, name
	t.next = "$JS.API.CONSUMER.MSG.NEXT." + t.stream + "." + name
	t.mu.Lock()
	t.inbox, t.current, t.pending = inbox, name, cons.CachedInfo().NumPending
	t.broken, t.stuck, t.outstanding, t.cseq, t.heard = false, nil, 0, 0, true
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

// drop forgets the current consumer; when tell is set the server is told, else it finds out by itself.
func (t *Tail) drop(tell bool) {
	if t.sub == nil {
		return
	}
	_ = t.sub.Unsubscribe()
	t.sub = nil
	if t.tap != nil {
		t.tap.set(t.name, nil)
	}
	if tell && t.nc.IsConnected() {
		_ = t.nc.Publish("$JS.API.CONSUMER.DELETE."+t.stream+"."+t.name, nil)
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
		`,"expires":` + strconv.FormatInt(int64(tailExpiry), 10) + `,"idle_heartbeat":` + strconv.FormatInt(int64(tailHeartbeat), 10) + `}`
	if err := t.nc.PublishRequest(t.next, inbox, []byte(body)); err != nil {
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
	if len(m.Data) == 0 && m.Subject == inbox {
		if t.status(m.Header) {
			t.wake()
		}
		return
	}
	if next, ok := t.follow(m.Reply); ok {
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
	next, ok := t.follow(op.reply)
	if !ok {
		return
	}
	if need := len(op.subject) + len(body); need > cap(t.arena)-len(t.arena) {
		t.arena = make([]byte, 0, max(need, min(max(2*cap(t.arena), arenaLeast), arenaMost)))
	}
	at := len(t.arena)
	t.arena = append(append(t.arena, op.subject...), body...)
	whole := t.arena[at:len(t.arena):len(t.arena)]
	next.subject = len(op.subject)
	head := next.subject + op.headers
	next.head, next.Data = whole[:head:head], whole[head:]
	t.keep(next)
}

// follow reads from a message's reply which one it is; not ok when it does not follow the last one. t.mu is held.
func (t *Tail) follow(reply string) (m Message, ok bool) {
	seq, cseq, ns, pending, ok := parseReply(reply)
	if !ok || cseq != t.cseq+1 || seq <= t.seq {
		t.broken, t.stuck = true, fmt.Errorf("message out of order on %s", t.stream)
		t.wake()
		return m, false
	}
	t.seq, t.cseq, t.pending = seq, cseq, pending
	if t.outstanding > 0 {
		t.outstanding--
	}
	return Message{Seq: seq, StoredNS: ns, Pending: pending}, true
}

// status reads a message of the server about our request; true means that Take has to look.
func (t *Tail) status(h nats.Header) bool {
	switch h.Get("Status") {
	case "100": // heartbeat
		return false
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
		t.broken, t.stuck = true, fmt.Errorf("consumer refused: %s %s", h.Get("Status"), h.Get("Description"))
		return true
	}
}

func (t *Tail) wake() {
	select {
	case t.notify <- struct{}{}:
	default:
	}
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
