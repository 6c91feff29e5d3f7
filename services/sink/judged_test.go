package sink

import (
	"bufio"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	"github.com/riskd-io/riskd/pkg/clickhouse/native"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/simulate/simulatetest"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const judgedPolicy = `
id: judged
rules:
  - {name: watched, when: network.kind == "hosting" && !profile.network_known, then: notify}
  - {name: busy, when: profile.actions_10m + event.count > 30 && session.proof_age > 3600, then: {step_up: {max_age: 1h}}, rollout: 50}
`

const nextPolicy = `
id: next
rules:
  - {name: export_elsewhere, when: 'event.action.endsWith(".export") && !profile.network_known', then: {step_up: {acr: aal2, max_age: 15m}}}
  - {name: busy, when: profile.actions_10m + event.count > 20 && session.proof_age > 3600, then: {step_up: {max_age: 1h}}}
`

func judgedEngine(t *testing.T, text string) *rules.Engine {
	t.Helper()
	f, err := rules.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine([]*rules.File{f}, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// judge is a scorer's loop over a simulated people, or the events of RISKD_BACKTEST_FILE: it hands out records as the journal has
// them, and says how long ToEvent and Step took in all.
func judge(t *testing.T, e *rules.Engine, n int, hand func(p int, seq uint64, rec *riskdv1.JournalRecord)) (events int, took time.Duration) {
	t.Helper()
	const partitions, batch = subject.DefaultPartitions, 500
	city, asn := simulatetest.Files(t)
	cfg := enrich.DefaultConfig()
	if cfg.City, cfg.ASN = city, asn; os.Getenv("RISKD_BACKTEST_GEO") != "" {
		cfg.City, cfg.ASN = os.Getenv("RISKD_BACKTEST_GEO")+"/GeoLite2-City.mmdb", os.Getenv("RISKD_BACKTEST_GEO")+"/asn.mmdb"
	}
	en, err := enrich.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	open, seqs := make([]*riskdv1.JournalRecord, partitions), make([]uint64, partitions)
	totals := make([]riskdv1.Counts, partitions)
	flush := func(p int) {
		rec := open[p]
		if open[p] = nil; rec == nil {
			return
		}
		seqs[p]++
		c := &totals[p]
		rec.Totals = &riskdv1.Counts{Accepted: c.Accepted, Scored: c.Scored, Late: c.Late, DeadLettered: c.DeadLettered, Duplicate: c.Duplicate}
		hand(p, seqs[p], rec)
	}
	profiles := map[string]*profile.Profile{}
	var ev event.Event
	var d decision.Decision
	one := func(pb *riskdv1.Event) {
		enrichment := en.Enrich(pb, pb.TimeMs)
		who := pb.TenantId + "\x00" + pb.User.GetId()
		prof := profiles[who]
		if prof == nil {
			prof = &profile.Profile{}
			profiles[who] = prof
		}
		began := time.Now()
		if err := wire.ToEvent(pb, enrichment, &ev); err != nil {
			t.Fatal(err)
		}
		e.Step(prof, &ev, &d)
		took += time.Since(began)
		p := subject.Partition(pb.TenantId, pb.User.GetId(), partitions)
		entry := &riskdv1.JournalEntry{Event: pb, Enrichment: enrichment, Status: riskdv1.JournalEntry_Status(d.Status)}
		totals[p].Accepted++
		switch d.Status {
		case decision.Scored:
			entry.Status, entry.Decision = riskdv1.JournalEntry_STATUS_SCORED, &riskdv1.Decision{}
			wire.FromDecision(&d, entry.Decision)
			totals[p].Scored++
		case decision.Late:
			entry.Status, entry.Reason = riskdv1.JournalEntry_STATUS_LATE, d.Reason
			totals[p].Late++
		default:
			t.Fatalf("event %s: status %v %s", pb.Id, d.Status, d.Reason)
		}
		if open[p] == nil {
			open[p] = &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, WrittenMs: pb.TimeMs}
		}
		if open[p].Entries = append(open[p].Entries, entry); len(open[p].Entries) == batch {
			flush(p)
		}
		events++
	}
	if name := os.Getenv("RISKD_BACKTEST_FILE"); name != "" {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(bufio.NewReaderSize(f, 1<<20))
		for events < n && lines.Scan() {
			pb, err := wire.DecodeJSON(lines.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			one(pb)
		}
	} else {
		cfg := simulate.DefaultConfig(base)
		cfg.Users, cfg.Start = 60, base.AddDate(0, 0, -14)
		world, err := simulate.New(cfg, simulatetest.Atlas(t))
		if err != nil {
			t.Fatal(err)
		}
		for events < n {
			item, ok := world.Next()
			if !ok {
				break
			}
			one(item.Event)
		}
	}
	for p := range open {
		flush(p)
	}
	return events, took
}

// load inserts records as the sink does, those tables that a backtest reads.
func load(t *testing.T, cl *native.Client, records <-chan judgedRecord) {
	b, rows := newBatch(nil), 0
	flush := func(n int) {
		for _, f := range []*frame{&b.events.frame, &b.ledger.frame} {
			if f.rows() == 0 {
				continue
			}
			tab := f.table(Config{}.table)
			columns := make([]native.Column, len(tab.columns))
			for i, c := range tab.columns {
				columns[i] = native.Column{Name: c.name, Values: c.values}
			}
			if err := cl.Insert(t.Context(), tab.name, columns, settings); err != nil {
				t.Error(err)
			}
		}
		b, rows = newBatch(nil), 0
	}
	n := 0
	for r := range records {
		at := place{partition: uint16(r.p), seq: r.seq, decided: millis(r.rec.WrittenMs)}
		for i, e := range r.rec.Entries {
			at.idx = uint32(i)
			row := eventrow.Of(e, sessionOf(e))
			b.events.add(at, e, &row)
		}
		b.ledger.add(at, stored(r.p, r.seq, r.rec), &riskdv1.Counts{}, 0)
		if rows += len(r.rec.Entries); rows > 100_000 {
			n++
			flush(n)
		}
	}
	flush(n + 1)
}

type judgedRecord struct {
	p   int
	seq uint64
	rec *riskdv1.JournalRecord
}

// A scorer's loop over simulated people, rows as the sink writes them, and a backtest from ClickHouse: all decisions come again.
// RISKD_BACKTEST_EVENTS and RISKD_BACKTEST_FILE do the same with more; the test then logs how long each part took.
func TestSimulatedPeopleAreBacktestedFromClickHouse(t *testing.T) {
	n := 20_000
	if text := os.Getenv("RISKD_BACKTEST_EVENTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	opt, conn := database(t)
	cl, err := native.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	live, next := judgedEngine(t, judgedPolicy), judgedEngine(t, nextPolicy)
	records, done := make(chan judgedRecord, 64), make(chan struct{})
	go func() { defer close(done); load(t, cl, records) }()
	began := time.Now()
	events, took := judge(t, live, n, func(p int, seq uint64, rec *riskdv1.JournalRecord) { records <- judgedRecord{p, seq, rec} })
	close(records)
	<-done
	t.Logf("judged and loaded %d events in %v; ToEvent and Step took %v: %.0f events/s per core", events, time.Since(began).Round(time.Millisecond), took.Round(time.Millisecond), float64(events)/took.Seconds())
	record := &backtest.Record{Conn: conn}
	if stored, gone, err := record.Size(t.Context()); err != nil || int(stored) != events || gone != 0 {
		t.Fatalf("ClickHouse has %d of %d events and lacks %d: %v", stored, events, gone, err)
	}
	counts := []int{1, 2}
	if n > 1_000_000 {
		counts = counts[1:]
	}
	for _, workers := range counts {
		began = time.Now()
		r, err := record.Backtest(t.Context(), backtest.Config{Live: live, New: next, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if r.Events != events || r.Recorded == 0 || r.Same != r.Recorded {
			t.Errorf("with %d workers, %d of %d recorded decisions of %d events came again:\n%s", workers, r.Same, r.Recorded, r.Events, r.FirstDiffer)
		}
		if c := r.Rules["export_elsewhere"]; c == nil || c.Hits[1] == 0 {
			t.Errorf("the new rule never applied: %v", r.RuleNames())
		}
		rate := float64(events) / time.Since(began).Seconds()
		t.Logf("%d workers: %.0f events/s, both policies; %.2f of one core's live loop; %s", workers, rate, rate/(float64(events)/took.Seconds()), memory())
	}
}
