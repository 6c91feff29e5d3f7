package signaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// reconcileRetry is when a comparison that failed is made again.
const reconcileRetry = 10 * time.Second

// reconcileEvery compares at once and then from time to time, until ctx ends.
func (s *Service) reconcileEvery(ctx context.Context) {
	for {
		next := s.cfg.ReconcileEvery
		repaired, err := s.reconcile(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.metrics.repairFail.Inc()
			s.deps.Log.Warn("flags could not be compared with the signals", "error", err)
			next = reconcileRetry
		case repaired > 0:
			s.deps.Log.Warn("flags differed from the signals and were repaired", "flags", repaired)
		}
		if err == nil {
			s.metrics.reconciled.Inc()
		}
		if !pauseFor(ctx, next) {
			return
		}
	}
}

// latest is the last signal of a session.
type latest struct {
	signal *riskdv1.Signal
	stored time.Time
	pos    natsjs.Position
}

// reconcile makes the bucket say what the last signal of every session says. The scorer writes a flag before
// its signal, so they differ only after a loss: a bucket restored from a backup, or purged by hand. Writes are guarded
// by journal position, so a scorer at work meanwhile always wins.
func (s *Service) reconcile(ctx context.Context) (repaired int, err error) {
	last, err := s.lastSignals(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading signals: %w", err)
	}
	have, err := s.bucket(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading flags: %w", err)
	}
	now := s.now()
	for key, l := range last {
		flag, flagged := have[key]
		blocks := natsjs.Blocks(l.signal)
		switch {
		case blocks && now.After(l.stored.Add(natsjs.FlagTTL(l.signal))):
			continue // its time is over; the entry has gone by itself
		case blocks && flagged && flag.ChallengeId == l.signal.ChallengeId && flag.Revision >= l.signal.Revision:
			continue
		case !blocks && !flagged:
			continue
		}
		applied, err := s.flags.Apply(ctx, l.signal, l.pos)
		if err != nil {
			return repaired, err
		}
		if applied {
			repaired++
			s.metrics.repaired.Inc()
		}
	}
	return repaired, nil
}

// lastSignals reads the signals stream once through and keeps each session's last one.
func (s *Service) lastSignals(ctx context.Context) (map[string]latest, error) {
	tail, err := natsjs.OpenTail(s.deps.JS, subject.SignalsStream, 1, natsjs.TailConfig{})
	if err != nil {
		return nil, err
	}
	defer tail.Close()
	out := make(map[string]latest)
	var buf []natsjs.Message
	for end := false; !end; {
		if buf, end, err = tail.Drain(ctx, buf[:0], 1024, 1<<20); err != nil {
			return nil, err
		}
		for i := range buf {
			m := &buf[i]
			pos, ok := natsjs.PositionOf(m.Header)
			sig := new(riskdv1.Signal)
			if err := sig.UnmarshalVT(m.Data); err != nil || !ok {
				continue // nobody of riskd wrote it
			}
			key := subject.Key(sig.TenantId, sig.SessionId)
			old, known := out[key]
			if known && old.pos.Partition == pos.Partition && (old.pos.Seq > pos.Seq ||
				old.pos.Seq == pos.Seq && old.signal.ChallengeId == sig.ChallengeId && old.signal.Revision > sig.Revision) {
				continue // repeated by a new owner
			}
			if !known && len(out) >= s.cfg.MaxFlags {
				return nil, errors.New("more sessions than the configured bound")
			}
			out[key] = latest{signal: sig, stored: time.Unix(0, m.StoredNS), pos: pos}
		}
	}
	return out, nil
}

// bucket reads the open flags.
func (s *Service) bucket(ctx context.Context) (map[string]*riskdv1.Signal, error) {
	tail, err := s.flags.Follow()
	if err != nil {
		return nil, err
	}
	defer tail.Close()
	out := make(map[string]*riskdv1.Signal)
	var buf []natsjs.Flag
	for end := false; !end; {
		if buf, end, err = tail.Drain(ctx, buf[:0]); err != nil {
			return nil, err
		}
		for i := range buf {
			if buf[i].Signal == nil {
				delete(out, buf[i].Key)
			} else {
				out[buf[i].Key] = buf[i].Signal
			}
		}
	}
	return out, nil
}
