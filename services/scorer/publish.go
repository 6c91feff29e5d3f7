package scorer

import (
	"context"
	"errors"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

// effectTimeout bounds one attempt to publish.
const effectTimeout = 3 * time.Second

func (f *effects) publish(ctx context.Context, o *outgoing) error {
	if len(o.notices) > 0 {
		return f.publishNotices(ctx, o)
	}
	return f.publishSession(ctx, o)
}

// publishSession sets the flag first: it is what the apps' guards wait for.
func (f *effects) publishSession(ctx context.Context, o *outgoing) error {
	if !o.flagged {
		if err := f.publishFlag(ctx, o); err != nil {
			return err
		}
	}
	// The broker drops repeated signals for a few minutes only. What an earlier owner, or an attempt without an answer, may
	// have stored is looked for.
	look, there := o.repeated, 0
	for i := o.known; i < len(o.signals); i++ {
		sig := o.signals[i]
		err := f.until(ctx, "publishing signal", func(ctx context.Context) (err error) {
			if look {
				if there, err = f.alreadyThere(ctx, o); err != nil {
					return err
				}
			}
			if look = false; i < there {
				return nil
			}
			err = f.s.outlet.Signal(ctx, sig, o.pos[i])
			look = err != nil
			return err
		})
		if err != nil {
			return err
		}
		f.s.metrics.signals.WithLabelValues(sig.State).Inc()
	}
	return nil
}

func (f *effects) publishFlag(ctx context.Context, o *outgoing) error {
	last := len(o.signals) - 1
	return f.until(ctx, "writing flag", func(ctx context.Context) error {
		applied, err := f.s.outlet.Flag(ctx, o.signals[last], o.pos[last])
		if err == nil && applied {
			f.measureFlag(o, time.Now())
		}
		return err
	})
}

// measureFlag tells the metrics how long a flag took since the broker took its event.
func (f *effects) measureFlag(o *outgoing, at time.Time) {
	if o.stored > 0 {
		f.s.metrics.eventToFlag.Observe(at.Sub(time.Unix(0, o.stored)).Seconds())
	}
}

// alreadyThere is how many of a session's signals, from the first on, are stored.
func (f *effects) alreadyThere(ctx context.Context, o *outgoing) (int, error) {
	first := o.signals[0]
	sig, pos, ok, err := f.s.outlet.LastSignal(ctx, first.TenantId, first.SessionId)
	if err != nil || !ok || pos.Partition != f.n {
		return 0, err
	}
	n := 0
	for i, s := range o.signals {
		if o.pos[i].Seq < pos.Seq || o.pos[i].Seq == pos.Seq && s.ChallengeId == sig.ChallengeId && s.Revision == sig.Revision {
			n = i + 1
		}
	}
	return n, nil
}

// until repeats do until it succeeds or ctx ends: what the journal holds must come out.
func (f *effects) until(ctx context.Context, what string, do func(context.Context) error) error {
	var told time.Time
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		attempt, cancel := context.WithTimeout(ctx, effectTimeout)
		err := do(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, broker.ErrInvalid) { // no retry would change it; the journal still holds it
			f.s.metrics.effectDrops.Inc()
			f.s.deps.Log.Error("effect dropped", "what", what, "partition", f.n, "error", err)
			return nil
		}
		f.s.metrics.effectRetries.Inc()
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			f.s.deps.Log.Warn("effect not published yet", "what", what, "partition", f.n, "error", err)
		}
		if !pauseFor(ctx, pause) {
			return ctx.Err()
		}
	}
}

// pauseFor waits; false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
