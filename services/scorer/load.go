package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/session"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	loadMessages = 128
	loadBytes    = 8 << 20
	// loadAttempts bounds how often a load begins again because an earlier owner trimmed the journal meanwhile.
	loadAttempts = 3
)

// load rebuilds the state as of the fence at p.at: pages, then what the journal holds after them. before is the
// record before the fence. It also hands on the effects that no record is known to have published.
func (p *partition) load(stop context.Context, before journal.Stored) error {
	enter(stageReplay)
	if err := p.adoptFirst(stop); err != nil {
		return err
	}
	var err error
	for range loadAttempts {
		if err = p.loadOnce(stop, before); !errors.As(err, new(*broker.TrimmedError)) {
			break
		}
	}
	var trimmed *broker.TrimmedError
	switch {
	case err == nil:
	case errors.As(err, &trimmed), errors.Is(err, errPage), errors.Is(err, journal.ErrChain), errors.Is(err, journal.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrState, err)
	default:
		return err
	}
	if err := p.checkInput(stop); err != nil {
		return err
	}
	p.users.Store(int64(p.st.users))
	p.bytes.Store(int64(p.st.bytes))
	p.ck.began = time.Now()
	// No more is under way than the next record takes: in a backlog what is read further ahead leaves the processor's cache, and the
	// broker's, before it is judged.
	p.tail, err = p.log.Input(p.at.inputLast+1, p.s.cfg.BatchEvents, 2*p.s.batchBytes)
	return err
}

// checkInput refuses an input stream that ends before what the journal has taken from it: it was made anew, and
// its events would be skipped one by one.
func (p *partition) checkInput(stop context.Context) error {
	ctx, cancel := context.WithTimeout(stop, readTimeout)
	defer cancel()
	last, err := p.log.InputEnd(ctx)
	if err == nil && last < p.at.inputLast {
		err = fmt.Errorf("%w: the input stream of partition %d ends at %d, but the journal holds input %d", ErrState, p.n, last, p.at.inputLast)
	}
	return err
}

func (p *partition) loadOnce(stop context.Context, before journal.Stored) error {
	p.st = newStore()
	p.ck.events, p.clock = 0, 0
	if err := p.emptyParts(); err != nil {
		return err
	}
	man, rev, err := p.readManifest(stop)
	if err != nil {
		return err
	}
	p.ck.through, p.ck.rev = man.Through, rev
	if before.Record == nil {
		if man.Through > 0 {
			return fmt.Errorf("%w: pages of partition %d hold the journal up to %d, but the journal is empty", ErrState, p.n, man.Through)
		}
		return nil
	}
	// The manifest comes first: pages written since then hold more than it says, never less.
	if err := p.readPages(stop); err != nil {
		return err
	}
	if n := man.missing(p.st); n >= 0 {
		return fmt.Errorf("%w: page %d is not there", errPage, n)
	}
	if err := p.checkParts(man); err != nil {
		return err
	}
	return p.replay(stop, min(man.Through, before.Record.PublishedThrough), before.Record.PublishedThrough)
}

func (p *partition) readManifest(stop context.Context) (m manifest, rev uint64, err error) {
	ctx, cancel := context.WithTimeout(stop, readTimeout)
	defer cancel()
	pg, ok, err := p.log.ReadPage(ctx, manifestName)
	if err != nil || !ok {
		return m, 0, err
	}
	if err := json.Unmarshal(pg.Data, &m); err != nil || m.Version != 1 || m.Pages != pageCount {
		return m, 0, fmt.Errorf("%w: manifest %q", errPage, pg.Data)
	}
	return m, pg.Rev, nil
}

// readPages reads every stored page.
func (p *partition) readPages(stop context.Context) error {
	defer func() { p.st.opened = nil }()
	return p.log.Pages(stop, func(pg broker.Page) error {
		n, err := strconv.Atoi(pg.Name)
		if err != nil { // a section, or the manifest
			return p.restorePart(pg.Name, pg.Rev, pg.Data)
		}
		if n < 0 || n >= pageCount {
			return fmt.Errorf("%w: there is no page %d", errPage, n)
		}
		if p.st.pages[n].rev > 0 {
			p.st.dropPage(n) // an earlier owner wrote it again while we read
		}
		seq, err := p.st.openPage(n, pg.Data)
		if err != nil {
			return err
		}
		p.st.pages[n].stored, p.st.pages[n].rev = seq, pg.Rev
		if users := p.st.pages[n].users; users == p.st.users { // the first of pages that have about as many each
			p.st.expect(users * pageCount)
		}
		return nil
	})
}

// replay steps the journal's events after from again, where the pages do not hold them, up to the fence at p.at, and
// collects the effects of records after published.
func (p *partition) replay(stop context.Context, from, published uint64) error {
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
	for at := from; at < p.at.seq; {
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
			n, err := p.replayRecord(stop, b.fold, rec)
			if err != nil {
				return err
			}
			differ += n
			if err := p.repeatEffects(stop, rec, published); err != nil {
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
