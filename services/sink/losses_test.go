package sink

import (
	"errors"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

// trim drops the records of partition 0 before keep, as the scorer does after -scorer-journal-keep.
func (l *ledger) trim(keep uint64) {
	l.t.Helper()
	stream, err := l.b.JS.Stream(l.t.Context(), "RISKD_JOURNAL_0")
	if err == nil {
		err = stream.Purge(l.t.Context(), jetstream.WithPurgeSequence(keep))
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// accept does what riskctl accept-loss does.
func accept(t *testing.T, conn driver.Conn, after, first uint64) {
	t.Helper()
	if err := conn.Exec(t.Context(), "INSERT INTO sink_losses VALUES (?, 0, ?, ?, now64(3), 'test')", DefaultConfig().Name, after, first); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsTrimmedBeforeTheyArePersistedAreLeftOutOnceThatIsAccepted(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 2)
	for range 3 { // records 2 to 4 of each
		l.batch(0, 13)
		l.batch(1, 13)
	}
	drain(t, l, testConfig(2), conn)
	for range 4 { // records 5 to 8, while the sink is away
		l.batch(0, 13)
		l.batch(1, 13)
	}
	l.trim(7)
	s := run(t, l, testConfig(2), conn)
	var loss *LossError
	natstest.Eventually(t, "the partition stands still and says what is gone", func() bool {
		return errors.As(s.Ready(), &loss) && loss.Partition == 0 && loss.After == 4 && loss.First == 7
	})
	natstest.Eventually(t, "the other partition goes on", func() bool { return persisted(s, 1) == 8 })
	if n := persisted(s, 0); n != 4 {
		t.Fatalf("the gap was passed over without a word: persisted to %d", n)
	}
	accept(t, conn, 4, 7)
	natstest.Eventually(t, "the sink goes on", func() bool { return s.Ready() == nil && persisted(s, 0) == 8 })
	l.batch(0, 13)
	natstest.Eventually(t, "and on", func() bool { return persisted(s, 0) == 9 })
	s.stop()
	var rows, records uint64
	if err := conn.QueryRow(t.Context(), "SELECT count(), uniqExact(seq) FROM ledger WHERE partition = 0").Scan(&rows, &records); err != nil {
		t.Fatal(err)
	}
	if rows != 7 || records != 7 { // 1 to 4, 7 to 9
		t.Errorf("partition 0 has %d rows of %d records, want 7 of 7", rows, records)
	}
}

func TestABatchCutFromRecordsThatWereTrimmedIsFinishedOnceThatIsAccepted(t *testing.T) {
	for _, c := range []struct {
		name string
		keep uint64
	}{{"some are left", 3}, {"none is left", 5}} {
		t.Run(c.name, func(t *testing.T) {
			_, conn := database(t)
			l := newLedger(t, 1)
			for range 3 { // records 2 to 4
				l.batch(0, 13)
			}
			f := &failing{Conn: conn, at: 6, acted: true} // dies after the cut is written down
			s := run(t, l, testConfig(1), f)
			<-f.dead()
			s.stop()
			l.batch(0, 13) // 5
			l.trim(c.keep)
			s = run(t, l, testConfig(1), conn)
			var loss *LossError
			natstest.Eventually(t, "the sink says why it cannot finish", func() bool { return errors.As(s.Ready(), &loss) })
			accept(t, conn, 0, c.keep)
			natstest.Eventually(t, "the sink goes on", func() bool { return s.Ready() == nil && persisted(s, 0) == 5 })
			s.stop()
			var first uint64
			if err := conn.QueryRow(t.Context(), "SELECT uniqExact(seq) FROM ledger WHERE seq >= ?", c.keep).Scan(&first); err != nil {
				t.Fatal(err)
			}
			if want := 5 - c.keep + 1; first != want {
				t.Errorf("%d of the records that are left are persisted, want %d", first, want)
			}
		})
	}
}
