package scorer

import (
	"errors"
	"strconv"
	"testing"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// stopped is an installation whose two partitions were worked on and then left.
func stopped(t *testing.T) (*natstest.Broker, *world, []*riskdv1.Event) {
	t.Helper()
	b := natstest.Start(t, 2)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	world := newWorld(5, 20)
	evs := world.take(400)
	publishAll(t, newPublisher(t, b.Conn, 2), evs)
	waitDrained(t, b.JS, 2)
	w.stop(t)
	return b, world, evs
}

// stands waits until partition 0 stands still because of a reason and partition 1 works.
func stands(t *testing.T, b *natstest.Broker, what string, reason error) {
	t.Helper()
	w := startWorker(t, b.URL(), quickConfig())
	natstest.Eventually(t, "partition 1 works, partition 0 stands still: "+what, func() bool {
		err := w.Ready()
		return len(w.Owned()) == 1 && w.Owned()[0] == 1 && errors.Is(err, ErrState) && errors.Is(err, reason)
	})
	w.stop(t)
}

// goesOn works on both partitions again and compares the whole with a serial run.
func goesOn(t *testing.T, b *natstest.Broker, world *world, evs []*riskdv1.Event) {
	t.Helper()
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	more := world.take(200)
	publishAll(t, newPublisher(t, b.Conn, 2), more)
	waitDrained(t, b.JS, 2)
	w.stop(t)
	checkAgainst(t, b.JS, 2, foldSerially(t, append(evs, more...)))
}

// dropPages is the documented way out: the pages are made anew from the journal.
func dropPages(t *testing.T, b *natstest.Broker) {
	t.Helper()
	pages, err := b.JS.Stream(t.Context(), subject.PagesStream(0))
	if err == nil {
		err = pages.Purge(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedManifestStopsThePartitionUntilItsPagesAreMadeAnew(t *testing.T) {
	b, world, evs := stopped(t)
	if _, err := b.JS.Publish(t.Context(), subject.Pages+".0.manifest", []byte(`{"version":1,"thr`)); err != nil {
		t.Fatal(err)
	}
	stands(t, b, "half a manifest", errPage)
	if _, err := b.JS.Publish(t.Context(), subject.Pages+".0.manifest", []byte(`{"version":9,"pages":64,"through":1}`)); err != nil {
		t.Fatal(err)
	}
	stands(t, b, "a manifest of a later version", errPage)
	dropPages(t, b)
	goesOn(t, b, world, evs)
}

// Its users would be strangers to whoever owns the partition next.
func TestAPageThatIsGoneStopsThePartition(t *testing.T) {
	b, world, evs := stopped(t)
	pages, err := b.JS.Stream(t.Context(), subject.PagesStream(0))
	if err != nil {
		t.Fatal(err)
	}
	w := startWorker(t, b.URL(), quickConfig())
	natstest.Eventually(t, "a checkpoint is complete", func() bool {
		_, err := pages.GetLastMsgForSubject(t.Context(), subject.Pages+".0.manifest")
		return err == nil
	})
	w.stop(t)
	gone := 0
	for n := range pageCount {
		m, err := pages.GetLastMsgForSubject(t.Context(), subject.Pages+".0."+strconv.Itoa(n))
		if err != nil {
			continue
		}
		if err := pages.DeleteMsg(t.Context(), m.Sequence); err != nil {
			t.Fatal(err)
		}
		gone++
		break
	}
	if gone == 0 {
		t.Fatal("no page was stored")
	}
	stands(t, b, "a page is gone", errPage)
	dropPages(t, b)
	goesOn(t, b, world, evs)
}

// A power cut may take the journal's end and leave the pages: what is judged behind that end would be passed over by the next replay.
func TestAPageBeyondTheJournalStopsThePartition(t *testing.T) {
	b, world, evs := stopped(t)
	page := sealPage(newStore().pages[0].snapshot(nil, 1<<40))
	if _, err := b.JS.Publish(t.Context(), subject.Pages+".0.0", page); err != nil {
		t.Fatal(err)
	}
	stands(t, b, "a page is ahead of the journal", ErrState)
	dropPages(t, b)
	goesOn(t, b, world, evs)
}

func TestNobodyTakesARecordOutOfTheJournal(t *testing.T) {
	b, _, _ := stopped(t)
	j, err := b.JS.Stream(t.Context(), subject.JournalStream(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteMsg(t.Context(), 2); err == nil {
		t.Error("a record was deleted from the middle of the audit trail")
	}
}

func TestWhatNobodyOfRiskdWroteIntoTheJournalStopsThePartitionOnly(t *testing.T) {
	b, _, _ := stopped(t)
	if _, err := b.JS.Publish(t.Context(), subject.JournalOf(0), []byte("no record")); err != nil {
		t.Fatal(err)
	}
	stands(t, b, "strange bytes at the journal's end", journal.ErrCorrupt)
}

// The copy of the journal that a reader is given may differ from the leader's: what the fence follows decides.
func TestAJournalThatEndsOtherwiseThanItsFenceSaysIsNotReplayed(t *testing.T) {
	b, _, _ := stopped(t)
	w := startWorker(t, b.URL(), quickConfig())
	w.ready(t)
	log := natsjs.NewBroker(b.JS).Log(0)
	last, ok, err := log.Last(t.Context())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	last.Record.PublishedThrough = last.Seq // nothing is published again
	replay := func(from uint64, last journal.Stored) error {
		parts, err := newParts(w.deps.Sections(0))
		if err != nil {
			t.Fatal(err)
		}
		p := &partition{s: w.Service, n: 0, log: log, st: newStore(), parts: parts, at: place{seq: last.Seq + 1}}
		if err := p.adoptFirst(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p.replay(t.Context(), from, last)
	}
	if err := replay(0, last); err != nil {
		t.Errorf("the journal as it is: %v", err)
	}
	last.Hash[0]++
	if err := replay(0, last); !errors.Is(err, journal.ErrChain) {
		t.Errorf("another last record: got %v, want %v", err, journal.ErrChain)
	}
	if err := replay(last.Seq, last); err != nil {
		t.Errorf("nothing is left to read, got %v", err)
	}
}
