package natsjs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
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
