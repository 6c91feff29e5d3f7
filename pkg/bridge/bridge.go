// Package bridge copies riskd's input from one broker to another, so that apps may stay where they are while riskd moves, or report
// over NATS to a riskd on Kafka and the other way round.
//
// An event keeps its source and id, by which riskd knows it: a copy that is made twice, after a crash, changes nothing. The
// position in each partition is kept beside the events it was read from, and moves on when the other side has acknowledged.
// Copies are marked, and a bridge in the other direction leaves them alone.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// batchEvents and batchBytes bound what one partition has under way.
	batchEvents = 512
	batchBytes  = 1 << 20
	// pauseFirst and pauseMost bound the pause before what was not acknowledged is sent again.
	pauseFirst, pauseMost = 50 * time.Millisecond, 5 * time.Second
	// putWait bounds one attempt.
	putWait = 20 * time.Second
)

// Target is the input that copies go to: publishers of package broker/nats and broker/kafka made with Via.
type Target interface {
	broker.Publisher
	// Raw stores what is no event, so that it meets the fate that it would have met where it came from.
	Raw(ctx context.Context, tenant, user, contentType string, data []byte) error
}

// Positions keep how far each partition has been copied.
type Positions interface {
	// Load is the last sequence that was copied, 0 at first.
	Load(ctx context.Context, partition int) (uint64, error)
	Store(ctx context.Context, partition int, last uint64) error
}

// Config of a bridge. All but UntilEnd is required.
type Config struct {
	From       broker.Logs
	Partitions int
	To         Target
	Positions  Positions
	// UntilEnd ends the bridge when what was there at its start is copied.
	UntilEnd bool
	Log      *slog.Logger
}

// Bridge copies. Its counters may be read at any time.
type Bridge struct {
	cfg Config
	// Copied were acknowledged, of those Duplicate were there already as far as the broker tells. Unreadable are no events and were
	// copied as they are. Skipped are copies themselves. Refused are too large for the other side. Missing were lost before they could be read.
	Copied, Duplicate, Unreadable, Skipped, Refused, Missing atomic.Uint64
}

// New starts nothing.
func New(cfg Config) (*Bridge, error) {
	if cfg.From == nil || cfg.To == nil || cfg.Positions == nil || cfg.Log == nil || cfg.Partitions < 1 {
		return nil, errors.New("new bridge: source, partitions, target, positions and log are required")
	}
	return &Bridge{cfg: cfg}, nil
}

// String is what was done so far.
func (b *Bridge) String() string {
	return fmt.Sprintf("copied=%d duplicate=%d unreadable=%d skipped=%d refused=%d missing=%d", b.Copied.Load(), b.Duplicate.Load(),
		b.Unreadable.Load(), b.Skipped.Load(), b.Refused.Load(), b.Missing.Load())
}

// Run copies every partition until ctx ends, or with UntilEnd until all is copied.
func (b *Bridge) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for p := range b.cfg.Partitions {
		g.Go(func() error {
			if err := b.partition(ctx, p); err != nil {
				return fmt.Errorf("bridging partition %d: %w", p, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (b *Bridge) partition(ctx context.Context, p int) error {
	log := b.cfg.From.Log(p)
	last, err := b.cfg.Positions.Load(ctx, p)
	if err != nil {
		return ended(ctx, err)
	}
	end, err := log.InputEnd(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if b.cfg.UntilEnd && last >= end {
		return nil
	}
	in, err := log.Input(last+1, batchEvents, batchBytes)
	if err != nil {
		return err
	}
	defer in.Close()
	var msgs []broker.Message
	for !b.cfg.UntilEnd || last < end {
		if msgs, err = in.Take(ctx, msgs[:0], batchEvents, batchBytes); err != nil && len(msgs) == 0 {
			return ended(ctx, err)
		}
		if err := b.copy(ctx, p, msgs); err != nil {
			return ended(ctx, err)
		}
		last = msgs[len(msgs)-1].Seq
		if err := b.insist(ctx, p, func(ctx context.Context) error { return b.cfg.Positions.Store(ctx, p, last) }); err != nil {
			return ended(ctx, err)
		}
		clear(msgs)
	}
	return nil
}

// ended hides the error of a context that was ended by the caller.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// copy stores messages on the other side, in their order.
func (b *Bridge) copy(ctx context.Context, p int, msgs []broker.Message) error {
	evs := make([]*riskdv1.Event, 0, len(msgs))
	for i := range msgs {
		m := &msgs[i]
		if m.Missing > 0 {
			b.Missing.Add(m.Missing)
			b.cfg.Log.Warn("events were gone before they could be copied", "partition", p, "before", m.Seq, "events", m.Missing)
		}
		if wire.IsCopy(m.Envelope.ContentType) {
			b.Skipped.Add(1)
			continue
		}
		ev := new(riskdv1.Event)
		if wire.DecodeInto(m.Envelope, m.Data, ev) == nil {
			ev.Source, ev.Id = strings.Clone(ev.Source), strings.Clone(ev.Id)
			evs = append(evs, ev)
			continue
		}
		if err := b.publish(ctx, p, evs); err != nil {
			return err
		}
		evs = evs[:0]
		if err := b.insist(ctx, p, func(ctx context.Context) error {
			err := b.cfg.To.Raw(ctx, "bridge", "unreadable", m.Envelope.ContentType, m.Data)
			if errors.Is(err, broker.ErrTooLarge) {
				b.Refused.Add(1)
				return nil
			}
			return err
		}); err != nil {
			return err
		}
		b.Unreadable.Add(1)
	}
	return b.publish(ctx, p, evs)
}

// publish stores events until each has met its fate.
func (b *Bridge) publish(ctx context.Context, p int, evs []*riskdv1.Event) error {
	if len(evs) == 0 {
		return nil
	}
	return b.insist(ctx, p, func(ctx context.Context) (err error) {
		left := evs[:0:0]
		for i, r := range b.cfg.To.PublishBatch(ctx, evs) {
			switch {
			case errors.Is(r.Err, broker.ErrTooLarge), errors.Is(r.Err, broker.ErrInvalid):
				b.Refused.Add(1)
				b.cfg.Log.Warn("an event is refused by the other side", "partition", p, "error", r.Err)
			case r.Err != nil:
				left, err = append(left, evs[i]), r.Err
			default:
				b.Copied.Add(1)
				if r.Duplicate {
					b.Duplicate.Add(1)
				}
			}
		}
		evs = left
		return err
	})
}

// insist repeats do until it succeeds or ctx ends.
func (b *Bridge) insist(ctx context.Context, p int, do func(context.Context) error) error {
	for pause := pauseFirst; ; pause = min(2*pause, pauseMost) {
		attempt, cancel := context.WithTimeout(ctx, putWait)
		err := do(attempt)
		cancel()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if pause == pauseMost {
			b.cfg.Log.Warn("the other side does not take events, trying again", "partition", p, "error", err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
