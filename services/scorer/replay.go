package scorer

import (
	"context"
	"fmt"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/session"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// replay steps the journal's events after from again, where the pages do not hold them, up to last, the record before the fence at p.at, and
// collects the effects of records that none says are published. The fence itself is ours and is not read back: the copy that a reader is given may have
// all that is older long before it.
func (p *partition) replay(stop context.Context, from uint64, last journal.Stored) error {
	if from >= last.Seq {
		return nil
	}
	tail, err := p.log.Records(from, loadMessages, loadBytes)
	if err != nil {
		return err
	}
	defer tail.Close()
	b := p.s.getBatch(true)
	b.fold.told = new(session.Told)
	defer func() {
		b.fold.told = nil
		p.s.putBatch(b)
	}()
	var (
		chain  journal.Chain
		buf    []broker.Message
		differ int
	)
	for at := from; at < last.Seq; {
		if buf, err = tail.Take(stop, buf[:0], loadMessages, loadBytes); err != nil {
			return err
		}
		for i := range buf {
			m := &buf[i]
			at = m.Seq
			if at > p.at.seq {
				return errFenced // somebody is behind us already
			}
			rec, err := journal.Decode(p.n, m.Seq, m.Data)
			if err != nil {
				return err
			}
			if err := chain.Next(rec); err != nil {
				return err
			}
			if rec.Seq == last.Seq && rec.Hash != last.Hash {
				return fmt.Errorf("%w: record %d of partition %d is another one than its journal ended with", journal.ErrChain, rec.Seq, p.n)
			}
			n, err := p.replayRecord(stop, b.fold, rec)
			if err != nil {
				return err
			}
			differ += n
			if err := p.repeatEffects(stop, rec, last.Record.PublishedThrough); err != nil {
				return err
			}
		}
		clear(buf)
	}
	if differ > 0 {
		p.s.metrics.replayDiffers.Add(float64(differ))
		p.s.deps.Log.Warn("replayed events came out otherwise than the journal says: policy, baseline or engine changed since the last checkpoint; flags that are out stay as they are",
			"partition", p.n, "events", differ, "of", p.ck.events)
	}
	return nil
}

// replayRecord steps one record's events; differ is how many came out otherwise than recorded.
func (p *partition) replayRecord(stop context.Context, f *fold, s journal.Stored) (differ int, err error) {
	f.reset()
	for i, e := range s.Record.Entries {
		p.clock = max(p.clock, e.Enrichment.GetReceivedMs())
		if e.Status != riskdv1.JournalEntry_STATUS_SCORED {
			continue // it changed nothing
		}
		if e.Event == nil || e.Enrichment == nil {
			return 0, fmt.Errorf("%w: partition %d seq %d: a scored entry has no event", journal.ErrCorrupt, p.n, s.Seq)
		}
		key := appendKey(nil, e.Event.TenantId, e.Event.User.GetId())
		if p.st.pages[pageOf(hashKey(key))].stored >= s.Seq {
			continue
		}
		f.add(nil, e, i)
	}
	p.takeParts(s.Seq, s.Record)
	if len(f.items) == 0 {
		return 0, nil
	}
	if f.engine, err = p.judgedBy(stop, s.Record.Policies); err != nil {
		return 0, err
	}
	err = f.run(p.st, nil, func(it *item, d *decision.Decision) {
		if !sameOutcome(it.entry, d) {
			differ++
		}
	})
	if err != nil {
		return 0, err
	}
	p.ck.events += len(f.items)
	p.s.metrics.replayed.Add(float64(len(f.items)))
	return differ, f.merge(p.st)
}

// sameOutcome compares what decides: a replay that differs here has another state.
func sameOutcome(e *riskdv1.JournalEntry, d *decision.Decision) bool {
	was := e.Decision
	return d.Status == decision.Scored && was.GetRisk() == d.Risk && was.GetAction() == string(d.Action) &&
		was.GetSessionState() == d.SessionState && was.GetChallengeId() == d.ChallengeID && len(was.GetSignals()) == len(d.Signals)
}

// repeatEffects hands on a record's effects if no record says that they were published.
func (p *partition) repeatEffects(stop context.Context, s journal.Stored, published uint64) error {
	if s.Seq <= published {
		return nil
	}
	fx := effect{seq: s.Seq, repeated: true}
	var all []noticed
	for i, e := range s.Record.Entries {
		fx.add(e.Decision.GetSignals(), 0)
		if len(e.Decision.GetHits()) > 0 {
			engine, err := p.judgedBy(stop, s.Record.Policies)
			if err != nil {
				return err
			}
			all = appendNotices(all, engine, i, e.Event, e.Decision)
		}
		if e.Status == riskdv1.JournalEntry_STATUS_DEAD {
			fx.dead = append(fx.dead, e)
		}
	}
	fx.notices, _ = bounded(all)
	if !p.fx.enqueue(stop, fx) {
		return stop.Err()
	}
	return nil
}
