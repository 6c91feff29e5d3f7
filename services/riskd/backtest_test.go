//go:build integration

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/backtest"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const watched = `
id: watched
counters: {exports: {when: 'event.action == "resource.export"', window: 1h}}
rules:
  - {name: many_exports, when: counters.exports > 3 && session.proof_age > 600, then: {step_up: {max_age: 10m}}, rollout: 50}
  - {name: far_away, when: session.country_changed, then: deny, mode: shadow}
`

// eventful is one of many events of people who travel, export, and are judged by analysts.
func eventful(rng *rand.Rand, i, users int) *riskdv1.Event {
	ev := plainEvent(i, users)
	user, session := ev.User.Id, rng.IntN(4)
	ev.TimeMs = epoch.Add(-48*time.Hour + time.Duration(i)*25*time.Second).UnixMilli()
	ev.Session.Id = fmt.Sprintf("s%d-%s", session+i/3000*4, user)
	ev.Device = &riskdv1.Device{Id: fmt.Sprintf("d%d-%s", session/2, user)}
	places := []*riskdv1.Geo{{Lat: 51.5, Lon: -0.1, AccuracyKm: 10, Country: "GB"}, {Lat: 48.8, Lon: 2.3, AccuracyKm: 10, Country: "FR"}, {Lat: 35.7, Lon: 139.7, AccuracyKm: 10, Country: "JP"}}
	ev.Network = &riskdv1.Network{Ip: fmt.Sprintf("203.0.113.%d", rng.IntN(250)), Geo: places[min(2, rng.IntN(12)/4*rng.IntN(2))]}
	switch rng.IntN(12) {
	case 0, 1, 2:
		ev.Action = "auth.login"
	case 3:
		ev.Action, ev.Outcome = "auth.login", "failure"
	case 4, 5:
		ev.Action, ev.Resource = "resource.export", &riskdv1.Resource{Type: "report", Id: "r1", Sensitivity: "restricted"}
	case 6:
		ev.Type, ev.Action, ev.Feedback = "dev.riskd.feedback.v1", "feedback", &riskdv1.Feedback{Verdict: []string{"legitimate", "end_challenge"}[rng.IntN(2)], Author: "analyst"}
	}
	return ev
}

// A running riskd has judged; what ClickHouse then holds, played again, gives the same decisions byte for byte, and the same report as
// the journal.
func TestABacktestFromClickHouseGivesTheDecisionsOfTheScorer(t *testing.T) {
	const events, users, partitions = 6000, 60, 32
	data, nats := t.TempDir(), servicetest.FreeAddress(t)
	policy := filepath.Join(data, "policy.yaml")
	if err := os.WriteFile(policy, []byte(watched), 0o600); err != nil {
		t.Fatal(err)
	}
	h := start(t, data, "-nats-listen", nats, "-policy", policy)
	nc, err := natsjs.Connect("nats://"+nats, "test backtest")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := natsjs.NewPublisher(nc, partitions, natsjs.DefaultPublisherConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < events; i += 500 {
		evs := make([]*riskdv1.Event, 500)
		for k := range evs {
			evs[k] = eventful(rng, i+k, users)
		}
		for _, r := range pub.PublishBatch(ctx, evs) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	h.until(time.Minute, "all events judged", func() string { return h.ask("SELECT sum(scored + late) FROM risk.ledger FORMAT TSV") }, fmt.Sprint(events))

	opt, err := clickhouse.ParseDSN("http://riskd:" + h.password() + "@" + h.host("clickhouse") + "/risk")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	engine := func(text string) *rules.Engine {
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
	live := engine(watched)
	record := &backtest.Record{Conn: conn}
	if n, gone, err := record.Size(ctx); err != nil || n != events || gone != 0 {
		t.Errorf("the record has %d events and lacks %d (%v), want %d and none", n, gone, err, events)
	}
	figures := func(r *backtest.Report, err error) (*backtest.Report, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		c := *r
		c.Took, c.Workers = 0, 0
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(text)
	}
	for name, c := range map[string]struct {
		next    string
		from    time.Time
		changes bool
	}{
		"the live policy":         {next: watched},
		"a stricter policy":       {next: "id: strict\nthresholds: {step_up: 25}\nrules: [{name: no_export, when: 'event.action == \"resource.export\"', then: deny}]", changes: true},
		"counted only at the end": {next: "id: strict\nthresholds: {step_up: 25}", from: epoch.Add(-24 * time.Hour), changes: true},
		// Within one hour it does not move; but it takes the order of the journal.
		"a threshold that adapts": {next: "id: adapts\nthresholds: {adaptive: {rate: 20, min_sessions: 20}}"},
	} {
		cfg := backtest.Config{Live: live, New: engine(c.next), From: c.from, Workers: 3, Partitions: partitions}
		got, fromRecord := figures(record.Backtest(ctx, cfg))
		_, fromJournal := figures(backtest.Run(ctx, cfg, backtest.Journal(js, nil)))
		if got.Recorded == 0 || got.Same != got.Recorded || got.Differ != 0 {
			t.Errorf("%s: %d of %d recorded decisions came again:\n%s", name, got.Same, got.Recorded, got.FirstDiffer)
		}
		if fromRecord != fromJournal {
			t.Errorf("%s: from ClickHouse\n%s\nfrom the journal\n%s", name, fromRecord, fromJournal)
		}
		if got.Prompts[0] == 0 || c.changes && len(got.Changed) == 0 || !c.from.IsZero() && (got.Counted == 0 || got.Counted > events*3/4) {
			t.Errorf("%s: nothing to see: prompts %v, %d counted, changed %v", name, got.Prompts, got.Counted, got.Changed)
		}
	}

	// It would notice: a decision that differs, and history that is missing.
	if err := conn.Exec(ctx, "ALTER TABLE events UPDATE decision = decision + 1 WHERE event_id = 'load-005000' SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := figures(record.Backtest(ctx, backtest.Config{Live: live, New: live})); got.Differ != 1 || got.FirstDiffer == "" {
		t.Errorf("one decision on record was changed, %d differ: %s", got.Differ, got.FirstDiffer)
	}
	record.Filter.Since = time.Now()
	if got, _ := figures(record.Backtest(ctx, backtest.Config{Live: live, New: live})); got.Events != 0 {
		t.Errorf("%d events were judged after now", got.Events)
	}
	if err := conn.Exec(ctx, "ALTER TABLE events DELETE WHERE user_id = 'u7' SETTINGS mutations_sync = 1"); err != nil {
		t.Fatal(err)
	}
	if _, gone, err := record.Size(ctx); err != nil || gone != events/users {
		t.Errorf("after %d events were deleted, %d are missed (%v)", events/users, gone, err)
	}
}
