package natsjs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	openTimeout = 5 * time.Second
	openRetry   = 200 * time.Millisecond
)

// Broker is an installation on NATS JetStream as riskd's roles use it. Safe for concurrent use; [Broker.Open] comes first.
type Broker struct {
	js jetstream.JetStream

	mu      sync.Mutex
	flags   *Flags
	pub     *Publisher
	telling jetstream.JetStream
}

// NewBroker starts nothing.
func NewBroker(js jetstream.JetStream) *Broker { return &Broker{js: js} }

// Open reads what the installation says. It waits for a server that is still starting, until ctx ends.
func (b *Broker) Open(ctx context.Context) (broker.Installation, error) {
	for {
		n, err := b.tryOpen(ctx)
		if err == nil {
			return broker.Installation{Partitions: n, MaxMessage: int(b.js.Conn().MaxPayload()), OwnPartitions: true}, nil
		}
		if ctx.Err() != nil || !IsTransient(err) && !errors.Is(err, context.DeadlineExceeded) || !sleep(ctx, openRetry) {
			return broker.Installation{}, err
		}
	}
}

func (b *Broker) tryOpen(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	n, err := Partitions(ctx, b.js)
	if err != nil {
		return 0, err
	}
	flags, err := OpenFlags(ctx, b.js)
	if err != nil {
		return 0, err
	}
	pub, err := NewPublisher(b.js.Conn(), n, DefaultPublisherConfig())
	if err != nil {
		return 0, err
	}
	telling, err := newTelling(b.js.Conn())
	if err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flags, b.pub, b.telling = flags, pub, telling
	return n, nil
}

// Workers shares the partitions among the workers by leases in [subject.WorkersBucket].
func (b *Broker) Workers(cfg broker.WorkersConfig) (broker.Workers, error) {
	return NewWorkers(b.js, cfg)
}

// Log is a partition for its owner.
func (b *Broker) Log(partition int) broker.Log { return &partitionLog{js: b.js, n: partition} }

// Publisher publishes events.
func (b *Broker) Publisher() broker.Publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pub
}

// Outlet writes flags, signals and dead letters.
func (b *Broker) Outlet() broker.Outlet {
	b.mu.Lock()
	defer b.mu.Unlock()
	return outlet{b.js, b.flags, b.telling}
}

// Flags is the bucket of open flags.
func (b *Broker) Flags() *Flags {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flags
}

// Follow reads the flags and their changes.
func (b *Broker) Follow() (broker.FlagReader, error) { return b.Flags().Follow() }

// Flag is [Flags.Apply].
func (b *Broker) Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (bool, error) {
	return b.Flags().Apply(ctx, sig, pos)
}

// Signals visits every stored signal, oldest first, that riskd wrote.
func (b *Broker) Signals(ctx context.Context, visit func(broker.StoredSignal) error) error {
	tail, err := OpenTail(b.js, subject.SignalsStream, 1, TailConfig{})
	if err != nil {
		return err
	}
	defer tail.Close()
	var buf []Message
	for end := false; !end; {
		if buf, end, err = tail.Drain(ctx, buf[:0], 1024, 1<<20); err != nil {
			return err
		}
		for i := range buf {
			m := &buf[i]
			pos, ok := PositionOf(m.Header())
			sig := new(riskdv1.Signal)
			if err := sig.UnmarshalVT(m.Data); err != nil || !ok {
				continue
			}
			if err := visit(broker.StoredSignal{Signal: sig, Stored: time.Unix(0, m.StoredNS), Position: pos}); err != nil {
				return err
			}
		}
	}
	return nil
}

// outlet is what makes effects visible on NATS.
type outlet struct {
	js      jetstream.JetStream
	flags   *Flags
	telling jetstream.JetStream // see Tell
}

func (o outlet) Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (bool, error) {
	return o.flags.Apply(ctx, sig, pos)
}

func (o outlet) Signal(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) error {
	msg, err := SignalMsg(sig, pos)
	if err != nil {
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return Store(ctx, o.js, msg)
}

func (o outlet) LastSignal(ctx context.Context, tenant, session string) (*riskdv1.Signal, broker.Position, bool, error) {
	m, err := ReadLast(ctx, o.js, subject.SignalsStream, subject.Signal(tenant, session))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, broker.Position{}, false, nil
	}
	if err != nil {
		return nil, broker.Position{}, false, err
	}
	sig := new(riskdv1.Signal)
	pos, ok := PositionOf(m.Header())
	if !ok || sig.UnmarshalVT(m.Data) != nil {
		return nil, pos, false, nil // not one of ours: then ours is not there
	}
	return sig, pos, true, nil
}

func (o outlet) Dead(ctx context.Context, partition int, e *riskdv1.JournalEntry) error {
	msg, err := DeadMsg(partition, e)
	if err != nil {
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return Store(ctx, o.js, msg)
}

// partitionLog is a partition's three streams. Every append is guarded by itself.
type partitionLog struct {
	js jetstream.JetStream
	n  int
}

func (l *partitionLog) Claim(context.Context) error { return nil }
func (l *partitionLog) Close()                      {}

func (l *partitionLog) Last(ctx context.Context) (journal.Stored, bool, error) {
	return LastRecord(ctx, l.js, l.n)
}

func (l *partitionLog) Append(ctx context.Context, last uint64, stored []byte, _ broker.Outgoing) (uint64, error) {
	return AppendRecord(ctx, l.js, l.n, last, stored)
}

func (l *partitionLog) Emptied(ctx context.Context) (uint64, error) {
	last, msgs, err := LastSeq(ctx, l.js, subject.JournalStream(l.n))
	if err != nil || msgs > 0 {
		return 0, err
	}
	return last, nil
}

func (l *partitionLog) Input(from uint64, messages, bytes int) (broker.Reader, error) {
	tail, err := OpenTail(l.js, subject.EventsStream(l.n), from, TailConfig{Messages: messages, Bytes: bytes})
	if err != nil {
		return nil, err
	}
	return &inputReader{tail: tail, next: from}, nil
}

func (l *partitionLog) InputEnd(ctx context.Context) (uint64, error) {
	last, _, err := LastSeq(ctx, l.js, subject.EventsStream(l.n))
	return last, err
}

func (l *partitionLog) Records(after uint64, messages, bytes int) (broker.Reader, error) {
	tail, err := OpenTail(l.js, subject.JournalStream(l.n), after+1, TailConfig{Messages: messages, Bytes: bytes})
	if err != nil {
		return nil, err
	}
	return &recordReader{inputReader: inputReader{tail: tail, next: after + 1}, partition: l.n}, nil
}

// pageMessages and pageBytes bound what is under way while all pages are read.
const (
	pageMessages = 128
	pageBytes    = 8 << 20
)

func (l *partitionLog) Pages(ctx context.Context, visit func(broker.Page) error) error {
	stream := subject.PagesStream(l.n)
	newest, err := l.newestPage(ctx, stream)
	if err != nil || newest == 0 {
		return err
	}
	tail, err := OpenTail(l.js, stream, 1, TailConfig{Messages: pageMessages, Bytes: pageBytes})
	if err != nil {
		return err
	}
	defer tail.Close()
	prefix := l.page("")
	var buf []Message
	for at := uint64(0); at < newest; {
		if buf, err = tail.Take(ctx, buf[:0], pageMessages, pageBytes); err != nil {
			return err
		}
		for i := range buf {
			m := &buf[i]
			at = m.Seq
			if err := visit(broker.Page{Name: strings.TrimPrefix(m.Subject(), prefix), Data: m.Data, Rev: m.Seq}); err != nil {
				return err
			}
		}
		clear(buf)
		if at < newest {
			continue
		}
		// An earlier owner's page may have been under way when the partition was claimed. It takes the older one out and lies behind what was the
		// end: who stops there has neither. When nothing lies behind what was read, all that was there is read.
		if newest, err = l.newestPage(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// newestPage is the sequence of the last page that is there, 0 when there is none: what the stream stored last may have been deleted by hand.
func (l *partitionLog) newestPage(ctx context.Context, stream string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	newest, err := ReadLast(ctx, l.js, stream, l.page("*"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return newest.Seq, nil
}

func (l *partitionLog) ReadPage(ctx context.Context, name string) (broker.Page, bool, error) {
	m, err := ReadLast(ctx, l.js, subject.PagesStream(l.n), l.page(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return broker.Page{}, false, nil
	}
	if err != nil {
		return broker.Page{}, false, err
	}
	return broker.Page{Name: name, Data: m.Data, Rev: m.Seq}, true, nil
}

func (l *partitionLog) StorePage(ctx context.Context, name string, rev uint64, data []byte) (uint64, error) {
	return StoreIf(ctx, l.js, l.page(name), rev, data)
}

func (l *partitionLog) TrimInput(ctx context.Context, keep uint64) error {
	return PurgeBelow(ctx, l.js, subject.EventsStream(l.n), keep)
}

func (l *partitionLog) TrimRecords(ctx context.Context, keep uint64) error {
	return PurgeBelow(ctx, l.js, subject.JournalStream(l.n), keep)
}

func (l *partitionLog) page(name string) string {
	return subject.Pages + "." + strconv.Itoa(l.n) + "." + name
}

// inputReader brings a stream's messages over the seam, a batch at a time.
type inputReader struct {
	tail *Tail
	msgs []Message
	next uint64 // the sequence that should come next: the streams have no holes of their own
}

func (r *inputReader) Close() { r.tail.Close() }

func (r *inputReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], max, maxBytes)
	for i := range r.msgs {
		m := &r.msgs[i]
		dst = append(dst, broker.Message{Seq: m.Seq, StoredNS: m.StoredNS, Envelope: m.Envelope(), Data: m.Data,
			Pending: m.Pending, Missing: m.Seq - r.next})
		r.next = m.Seq + 1
	}
	clear(r.msgs)
	return dst, err
}

// recordReader is an inputReader of which nothing may be missing.
type recordReader struct {
	inputReader
	partition int
}

func (r *recordReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	start := len(dst)
	dst, err := r.inputReader.Take(ctx, dst, max, maxBytes)
	for i := start; i < len(dst); i++ {
		if m := &dst[i]; m.Missing > 0 {
			return dst[:i], &broker.TrimmedError{Partition: r.partition, After: m.Seq - m.Missing - 1, First: m.Seq}
		}
	}
	return dst, err
}
