package sink

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestAJournalThatDoesNotContinueStopsItsPartitionOnly(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 2)
	l.batch(0, 13)
	l.batch(1, 13)
	drain(t, l, testConfig(2), conn)

	// Somebody writes a record that does not hold the hash of the one before it.
	forged := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: 0, Epoch: 1, PrevHash: make([]byte, 32), InputLast: 13, Totals: l.last[0].Record.Totals}
	l.store(0, forged)
	l.batch(1, 13)
	s := run(t, l, testConfig(2), conn)
	natstest.Eventually(t, "the break is told", func() bool { return s.Lag().Broken == 1 })
	if err := s.Ready(); !errors.Is(err, journal.ErrChain) {
		t.Errorf("Ready: %v, want the broken chain", err)
	}
	if err := s.Drained(t.Context()); !errors.Is(err, journal.ErrChain) {
		t.Errorf("Drained: %v, want the broken chain", err)
	}
	natstest.Eventually(t, "the other partition goes on", func() bool { return persisted(s, 1) == l.last[1].Seq })
	s.stop()
	l.check(t, conn)
}

func TestATrimmedJournalIsTakenFromItsBeginning(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 1)
	for range 4 {
		l.batch(0, 13)
	}
	stream, err := l.b.JS.Stream(t.Context(), "RISKD_JOURNAL_0")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	// Dies after the cut is written down, so that the cut is read again from a trimmed journal.
	f := &failing{Conn: conn, at: 6, acted: true}
	s := run(t, l, testConfig(1), f)
	<-f.dead()
	s.stop()
	drain(t, l, testConfig(1), conn)
	var first, n uint64
	if err := conn.QueryRow(t.Context(), "SELECT min(seq), count() FROM ledger").Scan(&first, &n); err != nil {
		t.Fatal(err)
	}
	if first != 4 || n != 2 {
		t.Errorf("ledger from record %d with %d rows, want 4 and 2", first, n)
	}
}

func TestAReplacedJournalIsNotMixedIn(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 1)
	l.batch(0, 13)
	f := &failing{Conn: conn, at: 6, acted: true}
	s := run(t, l, testConfig(1), f)
	<-f.dead()
	s.stop()

	other := newLedger(t, 1)
	other.batch(0, 7)
	s = run(t, other, testConfig(1), conn)
	var changed *ChangedError
	natstest.Eventually(t, "the other journal is told", func() bool { return errors.As(s.Ready(), &changed) })
}
