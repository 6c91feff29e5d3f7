package natsjs

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// tailExpiry and tailHeartbeat keep an idle reader cheap and find a dead consumer, and lost messages, soon.
	tailExpiry    = 30 * time.Second
	tailHeartbeat = 2 * time.Second
	// tailTold is how often a reader that cannot read says why.
	tailTold = 10 * time.Second
	// tailInactive is when the server forgets a consumer whose reader is gone.
	tailInactive = time.Minute
	// tailBackoff and tailBackoffMost bound the wait between attempts to make a consumer again, doubled with each that brought nothing.
	tailBackoff     = 25 * time.Millisecond
	tailBackoffMost = time.Second
	// tailRefused is after how many attempts another consumer is made where requests are refused: of a new one our node may not know yet.
	tailRefused = 4
	tailTimeout = 3 * time.Second
)

// TailConfig bounds what a reader buffers.
type TailConfig struct {
	// Messages is how many may be under way or waiting. Default 2048.
	Messages int
	// Bytes is how many one request to the server may bring. Default 2 MiB; one larger message still comes.
	Bytes int

	heartbeat time.Duration // tailHeartbeat; tests have less time
}

// silence is how long nothing may come, heartbeats included.
func (c *TailConfig) silence() time.Duration { return 2*c.heartbeat + time.Second }

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
	pull   string // request subject of the current consumer
	name   string // current consumer
	notify chan struct{}
	// listener gets a value at every reconnect; online is the same until the connection is closed.
	listener chan nats.Status
	online   <-chan nats.Status
	silence  *time.Timer // of the goroutine that takes, like told
	told     time.Time   // since when no consumer can be made, or when that was said last

	mu          sync.Mutex
	buf         []Message // from head on: received and not taken
	head        int
	arena       []byte  // what a tap brings is kept in here, up to its capacity
	full        []arena // those before, up to the first that is not done with; none while nobody says Done
	reused      bool    // somebody does
	current     string  // consumer whose messages are taken
	outstanding int     // asked of the server, not here yet
	seq         uint64  // last stream sequence that is in buf or was taken
	cseq        uint64  // last consumer sequence
	pending     uint64  // messages of the stream behind the last one received
	broken      bool
	stuck       error  // why the last consumer was given up
	heard       bool   // anything since that was looked at
	next        uint64 // what the stream has behind seq, as its leader said when nothing came; 0 when it has nothing
	asked       time.Time
	attempts    int  // consumers made and requests refused since anything came
	refused     bool // the last request: it is made again after a while
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
	if cfg.heartbeat <= 0 {
		cfg.heartbeat = tailHeartbeat
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
		broken, again, attempts := t.broken || t.closed, t.broken || t.refused, t.attempts
		t.refused = false
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
		if again && attempts > 0 && !t.pause(ctx, attempts) {
			return dst, false, ctx.Err()
		}
		if broken {
			if err := t.open(ctx); err != nil && !sleep(ctx, tailBackoff) {
				return dst, false, ctx.Err()
			}
			continue
		}
		t.request()
		if err := t.wait(ctx); err != nil {
			return dst, false, err
		}
	}
}

// Close ends the reader and its consumer.
func (t *Tail) Close() {
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if !closed {
		t.nc.RemoveStatusListener(t.listener)
		t.drop()
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
