package scorer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What a takeover waits for.
var (
	awaitsTurn     = "other partitions of this worker"
	awaitsFence    = "the fence in the journal"
	awaitsPolicies = "the policies in force"
	awaitsManifest = "the manifest"
	awaitsPages    = "the pages"
	awaitsRecords  = "the journal behind the pages"
	awaitsInput    = "the end of the input"
)

// takeOver fences the partition and rebuilds its state.
func (p *partition) takeOver(stop context.Context) error {
	defer p.taking.Store(nil)
	p.taking.Store(&awaitsTurn)
	select {
	case p.s.loading <- struct{}{}:
		defer func() { <-p.s.loading }()
	case <-stop.Done():
		return nil
	}
	began := time.Now()
	p.taking.Store(&awaitsFence)
	before, err := p.fence(stop)
	if err == nil {
		err = p.load(stop, before)
	}
	switch {
	case err == nil:
	case stop.Err() != nil:
		return nil
	default:
		result := "failed"
		if errors.Is(err, errFenced) {
			result = "fenced"
		}
		p.s.metrics.takeovers.WithLabelValues(result).Inc()
		return err
	}
	p.s.metrics.takeovers.WithLabelValues("ok").Inc()
	p.s.metrics.takeover.Observe(time.Since(began).Seconds())
	p.s.deps.Log.Info("partition taken over", "partition", p.n, "epoch", p.at.epoch, "seq", p.at.seq, "input", p.at.inputLast,
		"users", p.st.users, "replayed", p.ck.events, "seconds", time.Since(began).Seconds())
	return nil
}

// fence appends a fence record, after which nothing of an older owner can follow, and sets p.at to it. It returns
// the record before it; its Record is nil in an empty journal.
func (p *partition) fence(stop context.Context) (before journal.Stored, err error) {
	var mine [32]byte
	var sent bool
	for conflicts := 0; ; {
		if stop.Err() != nil {
			return before, stop.Err()
		}
		last, ok, err := p.claim(stop)
		if err != nil {
			if errors.Is(err, journal.ErrCorrupt) {
				return before, fmt.Errorf("%w: %w", ErrState, err)
			}
			p.unreachable(stop, err)
			continue
		}
		if sent && ok && last.Hash == mine { // the append whose outcome was unknown
			p.at = placeOf(last)
			return before, nil
		}
		before = last
		rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: uint32(p.n), Epoch: 1,
			Owner: p.s.cfg.Worker, WrittenMs: p.s.now().UnixMilli(), Totals: &riskdv1.Counts{}}
		if ok {
			rec.Epoch, rec.PrevHash, rec.InputLast = last.Record.Epoch+1, last.Hash[:], last.Record.InputLast
			rec.PublishedThrough, rec.Policies = last.Record.PublishedThrough, last.Record.Policies
			if last.Record.Totals != nil {
				rec.Totals = last.Record.Totals
			}
		}
		data, err := journal.Encode(rec)
		if err != nil {
			return before, err
		}
		mine, sent = journal.Hash(data), true
		seq, err := p.append(stop, last.Seq, data, broker.Outgoing{InputLast: rec.InputLast})
		switch {
		case err == nil:
			p.at = placeOf(journal.Stored{Seq: seq, Hash: mine, Record: rec})
			return before, nil
		case errors.Is(err, broker.ErrConflict):
			if conflicts++; conflicts >= fenceAttempts {
				return before, errFenced
			}
			if !ok {
				if err := p.checkEmptied(stop); err != nil {
					return before, err
				}
			}
		default:
			p.unreachable(stop, err)
		}
	}
}

// checkEmptied tells a journal that was emptied by hand from one that was never written.
func (p *partition) checkEmptied(ctx context.Context) error {
	last, err := p.log.Emptied(ctx)
	if err == nil && last > 0 {
		return fmt.Errorf("%w: the journal of partition %d was emptied after sequence %d", ErrState, p.n, last)
	}
	return nil
}

// claim shuts out older owners and reads the newest record that is left.
func (p *partition) claim(stop context.Context) (s journal.Stored, ok bool, err error) {
	ctx, cancel := context.WithTimeout(stop, readTimeout)
	defer cancel()
	if err := p.log.Claim(ctx); err != nil {
		return s, false, err
	}
	return p.log.Last(ctx)
}
