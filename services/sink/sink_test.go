package sink

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestEveryRowArrivesOnceAndTheSumsAgree(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 3)
	for i := range 30 {
		l.batch(i%3, 20+i)
	}
	s := run(t, l, testConfig(3), conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	l.check(t, conn)
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	l.batch(0, 5)
	if err := s.Drained(ctx); err != nil {
		t.Fatal(err)
	}
	l.check(t, conn)
	natstest.Eventually(t, "no lag", func() bool { return s.Lag() == Lag{} })

	var rows, parts uint64
	if err := conn.QueryRow(t.Context(), "SELECT sum(arraySum(mapValues(rows))), sum(length(cuts.partition)) FROM sink_batches").Scan(&rows, &parts); err != nil {
		t.Fatal(err)
	}
	w := l.want
	if want := w.ledger + w.events + w.features + w.signals + w.enforcement + w.dead; rows != want {
		t.Errorf("the books vouch for %d rows, want %d", rows, want)
	}
}

func TestARowHoldsWhatTheJournalSays(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 1)
	l.batch(0, 13)
	drain(t, l, testConfig(1), conn)
	row := func(q string) string {
		t.Helper()
		rows, err := conn.Query(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		defer rows.Close()
		var s string
		for rows.Next() {
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	for _, c := range []struct{ q, want string }{
		// The risk can be recomputed from the row alone.
		{"SELECT toString(countIf(risk = round(100 / (1 + exp(-arraySum(parts.nats))), 2)) = count()) FROM features", "1"},
		{"SELECT arrayStringConcat(parts.code, ',') FROM features WHERE event_id = 'e-0-0'", "prior,known_network,unusual_hour,impossible_travel"},
		{"SELECT parts.detail[4] FROM features WHERE event_id = 'e-0-0'", `{"km":9554.123,"from":"London, GB"}`},
		{"SELECT toString(JSONExtractFloat(parts.detail[4], 'km')) FROM features WHERE event_id = 'e-0-0'", "9554.123"},
		{"SELECT concat(action, ' ', level, ' ', session_state, ' ', challenge_id, ' ', unknown[1]) FROM features WHERE event_id = 'e-0-0'", "step_up high required ch_e-0-0 asn"},
		{"SELECT concat(arrayStringConcat(hits, ','), ' ', arrayStringConcat(shadow_hits, ',')) FROM features WHERE event_id = 'e-0-0'", "r1,r2 r3"},
		{"SELECT toString(latency_ms) FROM features WHERE event_id = 'e-0-0'", "12"},
		{"SELECT concat(toString(ip), ' ', country, ' ', city, ' ', toString(asn), ' ', browser) FROM features WHERE event_id = 'e-0-0'", "::ffff:203.0.113.45 GB London 64500 Firefox"},
		{"SELECT concat(user_kind, ' ', attributes['plan'], ' ', toString(round(lat, 1)), ' ', toString(located), ' ', toString(count), ' ', user_agent) FROM events WHERE event_id = 'e-0-0'", "person pro 51.5 true 1 Mozilla/5.0 <script>alert(1)</script>"},
		{"SELECT concat(status, ' ', reason) FROM events WHERE event_id = 'e-0-6'", "late too_late"},
		{"SELECT concat(reason, ' ', hex(raw)) FROM dead_letters", "malformed FF003C"},
		{"SELECT concat(kind, ' ', route, ' ', result, ' ', sdk) FROM enforcement WHERE event_id = 'e-0-8'", "receipt /payroll denied riskd-go/0.1.0"},
		{"SELECT concat(kind, ' ', reason, ' ', challenge_id) FROM enforcement WHERE event_id = 'e-0-9'", "failed wrong code ch_1"},
		{"SELECT concat(state, ' ', cause, ' ', acr_values[1], ' ', reasons[1], ' ', on_expiry, ' ', scope) FROM signals WHERE event_id = 'e-0-0'", "required impossible_travel aal2 impossible_travel deny sensitivity=restricted action=apikey.create resource=page"},
		{"SELECT concat(toString(duplicate), toString(late), toString(dead), toString(scored), ' ', toString(total_accepted)) FROM ledger WHERE kind = 'batch'", "11110 13"},
		{"SELECT toString(any(prev_hash) = (SELECT hash FROM ledger WHERE seq = 1)) FROM ledger WHERE seq = 2", "1"},
	} {
		if got := row(c.q); got != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.q, got, c.want)
		}
	}
}

func TestOddValuesDoNotStopTheSink(t *testing.T) {
	_, conn := database(t)
	l := newLedger(t, 1)
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH}
	for i, ms := range []int64{0, -5, 1, 1 << 62, 253402300799999, base.UnixMilli()} {
		rec.Entries = append(rec.Entries,
			&riskdv1.JournalEntry{Input: uint64(2*i + 1), Status: riskdv1.JournalEntry_STATUS_SCORED, Event: &riskdv1.Event{Id: "\xff\x00", TimeMs: ms, Network: &riskdv1.Network{Ip: "not an address"}},
				Decision: &riskdv1.Decision{TimeMs: ms, Parts: []*riskdv1.Part{{Code: "x\"'\\", Nats: 1, Detail: []*riskdv1.Detail{{Key: "\n"}, {}}}}}},
			&riskdv1.JournalEntry{Input: uint64(2*i + 2), Status: riskdv1.JournalEntry_STATUS_DEAD, Event: &riskdv1.Event{TimeMs: ms}, Raw: make([]byte, 64<<10)})
	}
	// Weeks of odd times in one insert: more table partitions than a server allows by default.
	for i := range 300 {
		rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: uint64(100 + i), Status: riskdv1.JournalEntry_STATUS_LATE,
			Event: &riskdv1.Event{Id: "old", TimeMs: base.UnixMilli() - int64(i)*7*86400*1000}})
	}
	l.append(0, rec)
	drain(t, l, testConfig(1), conn)
	var events, features, dead, parts uint64
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM events), (SELECT count() FROM features), (SELECT count() FROM dead_letters), (SELECT uniqExact(partition) FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active)").
		Scan(&events, &features, &dead, &parts); err != nil {
		t.Fatal(err)
	}
	if events != 306 || features != 6 || dead != 6 {
		t.Errorf("%d events, %d decisions, %d dead letters; want 306, 6, 6", events, features, dead)
	}
	if parts > 60 {
		t.Errorf("odd times made %d table partitions, want at most a year's weeks", parts)
	}
}

func TestTwoSinksOfOneDatabaseNeverDouble(t *testing.T) {
	opt, conn := database(t)
	l := newLedger(t, 4)
	cfg := testConfig(4)
	cfg.MaxRows, cfg.BackoffMin = 20, time.Millisecond
	a, b := run(t, l, cfg, conn), run(t, l, cfg, enginetest.Open(t, opt))
	for i := range 60 {
		l.batch(i%4, 9)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range []running{a, b} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Only one of them gets on at a time; the other learns of it when it reads the books again.
			_ = s.Drained(ctx)
		}()
	}
	// Sixty small batches with all their views take seconds, and the two stand in each other's way.
	for n := uint64(0); n < l.want.ledger && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM ledger").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	a.stop()
	b.stop()
	cancel()
	wg.Wait()
	drain(t, l, cfg, conn)
	l.check(t, conn)
}
