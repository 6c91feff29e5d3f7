package sink

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ledger writes journal records as a scorer does, and keeps count of what they say.
type ledger struct {
	t      testing.TB
	b      *natstest.Broker
	last   map[int]journal.Stored
	totals map[int]*riskdv1.Counts
	want   want
}

// want is what ClickHouse must hold.
type want struct {
	ledger, events, features, signals, enforcement, dead uint64
	// Of the views: decisions, sum of risks, parts against the session, users not quiet.
	risk, natsAgainst float64
	against, notQuiet uint64
}

func newLedger(t testing.TB, partitions int) *ledger {
	l := &ledger{t: t, b: natstest.Start(t, partitions), last: map[int]journal.Stored{}, totals: map[int]*riskdv1.Counts{}}
	for p := range partitions {
		l.totals[p] = &riskdv1.Counts{}
		l.append(p, &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Epoch: 1})
	}
	return l
}

// base is the wall clock of the tests' records.
var base = time.Now().Add(-time.Hour).Truncate(time.Millisecond)

// batch appends a record of n entries: scored ones of all kinds, a late, a duplicate and a dead one among them.
func (l *ledger) batch(p, n int) {
	l.t.Helper()
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Policy: "default@1", Geo: "none", Engine: "1", Baseline: "2026-11-20", Owner: "test"}
	at := l.totals[p].Accepted
	for i := range n {
		k := at + uint64(i)
		e := l.entry(p, k)
		e.Input = k + 1
		rec.Entries = append(rec.Entries, e)
	}
	l.append(p, rec)
}

func (l *ledger) entry(p int, k uint64) *riskdv1.JournalEntry {
	id := fmt.Sprintf("e-%d-%d", p, k)
	user, session := fmt.Sprintf("u%d-%d", p, k%7), fmt.Sprintf("s%d-%d", p, k%11)
	ts := base.Add(time.Duration(k) * 731 * time.Second * -1).UnixMilli() // over weeks, so that inserts span table partitions
	ev := &riskdv1.Event{
		Id: id, Source: "//acme/web", Type: "dev.riskd.activity.v1", TimeMs: ts, TenantId: "acme",
		User: &riskdv1.User{Id: user}, Session: &riskdv1.Session{Id: session, Acr: "aal1", Amr: []string{"pwd"}, AuthTimeMs: ts - 1000},
		Device: &riskdv1.Device{Id: "d1"}, Network: &riskdv1.Network{Ip: "203.0.113.45", RttMs: 31},
		Http: &riskdv1.Http{UserAgent: "Mozilla/5.0 <script>alert(1)</script>"}, Action: "auth.login", Outcome: "success",
		Resource: &riskdv1.Resource{Type: "app", Id: "web", Sensitivity: "restricted"}, Attributes: map[string]string{"plan": "pro", "a": "b"},
	}
	en := &riskdv1.Enrichment{Geo: &riskdv1.Geo{Lat: 51.5, Lon: -0.1, AccuracyKm: 20, Country: "GB", City: "London"}, Asn: 64500, AsOrg: "Example",
		Kind: "residential", Agent: &riskdv1.Agent{Browser: "Firefox", BrowserMajor: 140, Os: "Linux", DeviceClass: "desktop"}, ReceivedMs: base.UnixMilli() - 12,
		Crowd: &riskdv1.Crowd{IpUsers: 3}}
	switch {
	case k%13 == 5:
		return &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_DUPLICATE}
	case k%13 == 6:
		return &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_LATE, Event: ev, Enrichment: en, Reason: "too_late"}
	case k%13 == 7:
		return &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_DEAD, Reason: "malformed", Detail: "not a message", Raw: []byte{0xff, 0x00, '<'}}
	case k%13 == 8:
		ev.Type, ev.ChallengeId, ev.Action = "dev.riskd.enforcement.v1", "ch_1", "access"
		ev.Enforcement = &riskdv1.Enforcement{Route: "/payroll", Result: "denied", Sdk: "riskd-go/0.1.0"}
	case k%13 == 10:
		ev.Type, ev.Action, ev.Reason = "dev.riskd.feedback.v1", "feedback.attack", "not me"
		ev.Feedback = &riskdv1.Feedback{EventId: "e-0-1", Verdict: "attack", Author: "ann"}
	case k%13 == 9:
		ev.Type, ev.ChallengeId, ev.Action, ev.Reason = "dev.riskd.stepup.failed.v1", "ch_1", "stepup.failed", "wrong code"
	}
	d := &riskdv1.Decision{
		EventId: id, TenantId: "acme", UserId: user, SessionId: session, TimeMs: ts, Level: "low", Action: "allow", SessionState: "clear",
		Scores: &riskdv1.Scores{ImpossibleTravel: 91, NewDevice: 40.2, Deviation: 12.1}, Unknown: []string{"asn"}, Hits: []string{"r1", "r2"}, ShadowHits: []string{"r3"},
		Policy: "default@1", Baseline: "2026-11-20", Geo: "none", Engine: "1",
		Parts: []*riskdv1.Part{
			{Code: "prior", Nats: -4},
			{Code: "known_network", Nats: -0.25},
			{Code: "unusual_hour", Nats: float64(k%5) * 0.125, Detail: []*riskdv1.Detail{{Key: "hour_utc", Value: &riskdv1.Detail_Number{Number: 3}}}},
		},
	}
	if k%5 == 1 {
		d.Parts = append(d.Parts, &riskdv1.Part{Code: "new_network", Nats: 1.25, Detail: []*riskdv1.Detail{{Key: "new", Value: &riskdv1.Detail_Text{Text: "country"}}}})
	}
	if k%6 == 0 {
		d.Level, d.Action, d.SessionState, d.ChallengeId = "high", "step_up", "required", "ch_"+id
		d.Parts = append(d.Parts, &riskdv1.Part{Code: "impossible_travel", Nats: 7.5, Detail: []*riskdv1.Detail{
			{Key: "km", Value: &riskdv1.Detail_Number{Number: 9554.123}}, {Key: "from", Value: &riskdv1.Detail_Text{Text: "London, GB"}}}})
		d.Signals = []*riskdv1.Signal{{ChallengeId: "ch_" + id, Revision: 1, TenantId: "acme", UserId: user, SessionId: session, State: "required",
			Risk:    &riskdv1.SignalRisk{Score: 90, Level: "high", PreviousLevel: "low", Reasons: []string{"impossible_travel"}},
			Require: &riskdv1.Requirement{AcrValues: []string{"aal2"}}, IssuedAtMs: ts, ExpiresAtMs: ts + 600_000, OnExpiry: "deny",
			Scope:  &riskdv1.Scope{Action: "apikey.create", ResourceType: "page", Sensitivity: "restricted"},
			Policy: &riskdv1.PolicyRef{Id: "default", Version: "1"}, EventId: id, ReasonUser: "We noticed something unusual.", AtMs: ts, Cause: "impossible_travel"}}
	}
	sum := 0.0
	for _, part := range d.Parts {
		sum += part.Nats
	}
	d.Risk = math.Round(10000/(1+math.Exp(-sum))) / 100
	return &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_SCORED, Event: ev, Enrichment: en, Decision: d}
}

// append seals a record into the chain and the books.
func (l *ledger) append(p int, rec *riskdv1.JournalRecord) {
	l.t.Helper()
	prev, chained := l.last[p]
	rec.Partition, rec.Epoch, rec.WrittenMs = uint32(p), 1, base.UnixMilli()
	if chained {
		rec.PrevHash = prev.Hash[:]
	}
	for _, e := range rec.Entries {
		if err := journal.Count(l.totals[p], e.Status); err != nil {
			l.t.Fatal(err)
		}
		rec.InputLast = e.Input
		l.count(e)
	}
	t := l.totals[p]
	rec.Totals = &riskdv1.Counts{Accepted: t.Accepted, Scored: t.Scored, Duplicate: t.Duplicate, Late: t.Late, DeadLettered: t.DeadLettered}
	l.want.ledger++
	l.store(p, rec)
}

// store puts a record into the broker as it is.
func (l *ledger) store(p int, rec *riskdv1.JournalRecord) {
	l.t.Helper()
	data, err := journal.Encode(rec)
	if err != nil {
		l.t.Fatal(err)
	}
	seq, err := natsjs.AppendRecord(context.Background(), l.b.JS, p, l.last[p].Seq, data)
	if err != nil {
		l.t.Fatal(err)
	}
	if l.last[p], err = journal.Decode(p, seq, data); err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) count(e *riskdv1.JournalEntry) {
	w := &l.want
	switch e.Status {
	case riskdv1.JournalEntry_STATUS_LATE:
		w.events++
	case riskdv1.JournalEntry_STATUS_DEAD:
		w.dead++
	case riskdv1.JournalEntry_STATUS_SCORED:
		w.events++
		w.features++
		w.signals += uint64(len(e.Decision.Signals))
		w.risk += e.Decision.Risk
		for _, p := range e.Decision.Parts {
			if p.Nats > 0 {
				w.against++
				w.natsAgainst += p.Nats
			}
		}
		if e.Decision.Level != "low" || e.Decision.Action != "allow" {
			w.notQuiet++
		}
		if enforcementKind(e.Event.Type) != "" {
			w.enforcement++
		}
	}
}

// check compares the database with what the ledger says, views included.
func (l *ledger) check(t testing.TB, conn driver.Conn) {
	t.Helper()
	var got want
	for _, c := range []struct {
		table string
		n     *uint64
	}{{"ledger", &got.ledger}, {"events", &got.events}, {"features", &got.features}, {"signals", &got.signals}, {"enforcement", &got.enforcement}, {"dead_letters", &got.dead}} {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM "+c.table).Scan(c.n); err != nil {
			t.Fatal(err)
		}
	}
	var inView uint64
	if err := conn.QueryRow(t.Context(), "SELECT sum(n), sum(risk_sum) FROM activity_5m").Scan(&inView, &got.risk); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT sum(n), sum(nats_sum) FROM part_hour").Scan(&got.against, &got.natsAgainst); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT sum(n) FROM user_day").Scan(&got.notQuiet); err != nil {
		t.Fatal(err)
	}
	want := l.want
	if math.Abs(got.risk-want.risk) < 1e-6 && math.Abs(got.natsAgainst-want.natsAgainst) < 1e-6 {
		got.risk, got.natsAgainst = want.risk, want.natsAgainst // sums of floating point in another order
	}
	if got != want {
		t.Errorf("ClickHouse has %+v, want %+v", got, want)
	}
	if inView != want.features {
		t.Errorf("activity_5m counts %d decisions, want %d", inView, want.features)
	}
	checkViews(t, conn)
	if n := enginetest.CheckViews(t, conn); n < 10 {
		t.Errorf("only %d views were compared", n)
	}
}
