package scorer

import (
	"context"
	"runtime/pprof"
	"slices"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// together is how many events go through one stage after the other: few enough for the processor to keep the events, and enough
// for it to keep each stage's code.
const together = 64

// stage labels the profile of a goroutine, so that CPU time can be read by what it was spent on.
type stage int

const (
	stageWait stage = iota
	stageDecode
	stageStep
	stageEncode
	stageAppend
	stageMerge
	stageReplay
	stageCheckpoint
	stages
)

var stageLabels = func() (out [stages]context.Context) {
	for i, name := range [...]string{"wait", "decode", "step", "encode", "append", "merge", "replay", "checkpoint"} {
		out[i] = pprof.WithLabels(context.Background(), pprof.Labels("role", "scorer", "stage", name))
	}
	return out
}()

func enter(s stage) { pprof.SetGoroutineLabels(stageLabels[s]) }

// batch turns messages into one journal record, at once or in pieces as they come. It is reused: what it holds is valid until it is
// opened again.
type batch struct {
	fold    *fold
	rec     riskdv1.JournalRecord
	msgs    []broker.Message // all that the record is made of
	bytes   int              // of their payload
	entries []*riskdv1.JournalEntry
	parsed  []*wire.Parsed
	looked  []*riskdv1.Enrichment
	asks    []enrich.Lookup  // of the group in hand
	dec     riskdv1.Decision // of the event in hand, if rules applied to it
	// scored: the record's versions are those that its first decision names.
	scored    bool
	raised    []raised
	noticed   []noticed
	w         *journal.Writer
	stored    []byte
	counts    riskdv1.Counts // of this batch
	after     counts         // the partition's totals with it
	elsewhere elsewhere

	fx effect // what has to be published once the record is stored
}

// raised is the signals of one entry.
type raised struct {
	entry   int
	signals []*riskdv1.Signal
}

// open begins a record of the partition.
func (b *batch) open(s *Service, p *partition) {
	b.fold.reset()
	b.fold.engine = p.by.engine
	clear(b.noticed)
	b.fx, b.raised, b.noticed = effect{}, b.raised[:0], b.noticed[:0]
	b.msgs, b.bytes, b.scored = b.msgs[:0], 0, false
	b.counts.Reset()
	b.elsewhere = elsewhere{}
	b.rec.Reset()
	b.rec.Kind, b.rec.Partition = riskdv1.JournalRecord_KIND_BATCH, uint32(p.n)
	b.rec.Policy, b.rec.Baseline, b.rec.Engine = p.versions.policy, p.versions.baseline, p.versions.engine
	b.rec.Geo, b.rec.Policies = s.deps.Enricher.GeoVersion(), p.by.revision
}

// extend judges msgs over the store's profiles and what the record has made of them so far. The store is not changed.
func (b *batch) extend(s *Service, p *partition, msgs []broker.Message) error {
	at := len(b.msgs)
	b.add(p, msgs)
	n := len(b.msgs)
	b.grow(n)
	b.fold.more()
	if at == 0 {
		b.w.Begin(&b.rec, n)
	} else {
		b.w.Next(n - at)
	}
	b.rec.Entries = b.entries[:n]
	geo := s.deps.Enricher.GeoVersion()

	enter(stageDecode)
	for from := at; from < n; from += together {
		to := min(from+together, n)
		for i := from; i < to; i++ {
			if i+readAhead < n {
				b.ahead(i + readAhead)
			}
			b.bytes += len(b.msgs[i].Data)
			b.read(s, p, i, &b.msgs[i])
		}
		b.lookUp(s, p, from, to)
		for i := from; i < to; i++ {
			b.w.Add(b.entries[i], b.parsed[i])
		}
	}

	enter(stageStep)
	err := b.fold.run(p.st, b.ahead, func(it *item, d *decision.Decision) {
		if !b.scored && d.Status == decision.Scored {
			b.scored = true
			p.versions = versions{policy: d.Policy, baseline: d.Baseline, engine: d.Engine}
			b.rec.Policy, b.rec.Baseline, b.rec.Engine = d.Policy, d.Baseline, d.Engine
		}
		b.judge(it, d, geo)
	})
	if err != nil {
		return err
	}
	for i, e := range b.rec.Entries[at:] {
		if err := journal.Count(&b.counts, e.Status); err != nil {
			return err
		}
		if e.Status == riskdv1.JournalEntry_STATUS_DEAD {
			if e.Event != nil { // read, and refused by the engine: the dead letter has all of it
				b.parsed[at+i].Whole()
			}
			dead, err := detached(e, new(riskdv1.JournalEntry))
			if err != nil {
				return err
			}
			b.fx.dead = append(b.fx.dead, dead)
		}
	}
	return nil
}

// add takes msgs into the record. A backlog is not copied: the record has the partition's slice, and the partition the record's.
func (b *batch) add(p *partition, msgs []broker.Message) {
	if all := p.msgs; len(b.msgs) == 0 && len(all) >= heldEvents && &all[0] == &msgs[0] {
		clear(all[len(msgs):])
		b.msgs, p.msgs = msgs, b.msgs[:0]
		return
	}
	b.msgs = append(b.msgs, msgs...)
}

// urgent tells that somebody waits for what the record says.
func (b *batch) urgent() bool { return len(b.raised) > 0 || len(b.noticed) > 0 || len(b.fx.dead) > 0 }

// seal encodes the record as the one that follows at.
func (b *batch) seal(s *Service, p *partition) (err error) {
	enter(stageEncode)
	b.rec.Epoch, b.rec.PrevHash, b.rec.InputLast = p.at.epoch, p.at.hash[:], b.msgs[len(b.msgs)-1].Seq
	b.rec.Owner, b.rec.WrittenMs = s.cfg.Worker, s.now().UnixMilli()
	b.rec.PublishedThrough = p.fx.publishedThrough(p.at.seq)
	slices.SortFunc(b.raised, func(x, y raised) int { return x.entry - y.entry })
	for _, r := range b.raised {
		for i, sig := range r.signals {
			if r.signals[i], err = detached(sig, new(riskdv1.Signal)); err != nil {
				return err
			}
		}
		b.fx.add(r.signals, b.msgs[r.entry].StoredNS)
	}
	var beyond int
	if b.fx.notices, beyond = bounded(b.noticed); beyond > 0 {
		s.metrics.noticesBeyond.Add(float64(beyond))
	}
	b.after = p.at.totals
	b.after.add(&b.counts)
	b.rec.Totals = b.after.record()
	b.stored, err = b.w.Append(b.stored[:0])
	return err
}

// detached is a copy of what is published after the record is stored. It has texts of its own, which proto.Clone does not make: those of an event lie in
// the reader's memory, and other messages come into that.
func detached[M interface {
	MarshalVT() ([]byte, error)
	UnmarshalVT([]byte) error
}](m, copied M) (M, error) {
	b, err := m.MarshalVT()
	if err == nil {
		err = copied.UnmarshalVT(b)
	}
	return copied, err
}

// judge writes one outcome of the engine into the record.
func (b *batch) judge(it *item, d *decision.Decision, geo string) {
	e := it.entry
	switch d.Status {
	case decision.Scored:
		e.Status = riskdv1.JournalEntry_STATUS_SCORED
		d.Geo = geo
		signals := wire.FromSignals(d.Signals)
		// At once, while all of it is in the processor's cache.
		b.w.Judge(it.at, d, signals)
		if e.Decision == nil && d.PeakFrom|d.PeakTo != 0 { // written already; this is for the sections
			e.Decision = &riskdv1.Decision{PeakFrom: d.PeakFrom, PeakTo: d.PeakTo}
		}
		if len(d.Hits) > 0 {
			wire.FromDecision(d, &b.dec)
			b.noticed = appendNotices(b.noticed, b.fold.engine, it.at, it.entry.Event, &b.dec)
		}
		if len(signals) > 0 {
			b.raised = append(b.raised, raised{it.at, signals})
		}
	case decision.Duplicate:
		e.Status = riskdv1.JournalEntry_STATUS_DUPLICATE
		e.Event, e.Enrichment = nil, nil
	case decision.Late:
		e.Status, e.Reason = riskdv1.JournalEntry_STATUS_LATE, d.Reason
	default:
		e.Status, e.Reason = riskdv1.JournalEntry_STATUS_DEAD, d.Reason
	}
}

// counts are a partition's totals.
type counts struct{ accepted, scored, duplicate, late, dead uint64 }

func (c *counts) add(n *riskdv1.Counts) {
	c.accepted += n.GetAccepted()
	c.scored += n.GetScored()
	c.duplicate += n.GetDuplicate()
	c.late += n.GetLate()
	c.dead += n.GetDeadLettered()
}

func (c *counts) record() *riskdv1.Counts {
	return &riskdv1.Counts{Accepted: c.accepted, Scored: c.scored, Duplicate: c.duplicate, Late: c.late, DeadLettered: c.dead}
}
