package signaler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
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
		flag, flagged := have[key.session], false
		if flag = owedBy(flag, key.user); flag != nil {
			flagged = broker.Blocks(flag)
		}
		blocks := broker.Blocks(l.Signal)
		switch {
		case blocks && now.After(l.Stored.Add(broker.FlagTTL(l.Signal))):
			continue // its time is over; the entry has gone by itself
		case blocks && flagged && flag.ChallengeId == l.Signal.ChallengeId && flag.Revision >= l.Signal.Revision:
			continue
		case !blocks && !flagged:
			continue
		}
		applied, err := s.deps.Broker.Flag(ctx, l.Signal, l.Position)
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

// owedBy is what an entry says of one user: several may share a session id.
func owedBy(flag *riskdv1.Signal, user string) *riskdv1.Signal {
	if flag == nil || flag.UserId == user {
		return flag
	}
	for _, o := range flag.Also {
		if o.GetSignal().GetUserId() == user {
			return o.Signal
		}
	}
	return nil
}

// holder is a user in a session.
type holder struct{ session, user string }

// lastSignals reads the stored signals once through and keeps the last one of each user in a session.
func (s *Service) lastSignals(ctx context.Context) (map[holder]broker.StoredSignal, error) {
	out := make(map[holder]broker.StoredSignal)
	err := s.deps.Broker.Signals(ctx, func(m broker.StoredSignal) error {
		key := holder{subject.Key(m.Signal.TenantId, m.Signal.SessionId), m.Signal.UserId}
		old, known := out[key]
		if known && old.Position.Partition == m.Position.Partition && (old.Position.Seq > m.Position.Seq ||
			old.Position.Seq == m.Position.Seq && old.Signal.ChallengeId == m.Signal.ChallengeId && old.Signal.Revision > m.Signal.Revision) {
			return nil // repeated by a new owner
		}
		if !known && len(out) >= s.cfg.MaxFlags {
			return errors.New("more sessions than the configured bound")
		}
		out[key] = m
		return nil
	})
	return out, err
}

// bucket reads the open flags.
func (s *Service) bucket(ctx context.Context) (map[string]*riskdv1.Signal, error) {
	tail, err := s.deps.Broker.Follow()
	if err != nil {
		return nil, err
	}
	defer tail.Close()
	out := make(map[string]*riskdv1.Signal)
	var buf []broker.Flag
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
