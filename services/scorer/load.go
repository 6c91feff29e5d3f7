package scorer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
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
	p.taking.Store(&awaitsPolicies)
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
	p.taking.Store(&awaitsInput)
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
	p.taking.Store(&awaitsManifest)
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
	p.taking.Store(&awaitsPages)
	if err := p.readPages(stop); err != nil {
		return err
	}
	if n := man.missing(p.st); n >= 0 {
		return fmt.Errorf("%w: page %d is not there", errPage, n)
	}
	if err := p.checkParts(man); err != nil {
		return err
	}
	if newest := p.newestStored(man); newest > before.Seq {
		return p.beyondJournal(stop, newest, before.Seq)
	}
	p.taking.Store(&awaitsRecords)
	return p.replay(stop, min(man.Through, before.Record.PublishedThrough), before)
}

// newestStored is the last record that something of the state holds.
func (p *partition) newestStored(man manifest) uint64 {
	newest := man.Through
	for n := range p.st.pages {
		newest = max(newest, p.st.pages[n].stored)
	}
	for i := range p.parts {
		newest = max(newest, p.parts[i].stored)
	}
	return newest
}

// beyondJournal is why the state holds a record behind the one that the journal ended with: somebody has taken the partition meanwhile, or the journal has
// lost its end, to a power cut say, and what would be judged now would be passed over by the next replay.
func (p *partition) beyondJournal(stop context.Context, newest, end uint64) error {
	ctx, cancel := context.WithTimeout(stop, readTimeout)
	defer cancel()
	last, _, err := p.log.Last(ctx)
	switch {
	case err != nil:
		return err
	case last.Seq > p.at.seq:
		return errFenced
	}
	return fmt.Errorf("%w: the state of partition %d holds the journal up to %d, but that ended at %d", ErrState, p.n, newest, end)
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
