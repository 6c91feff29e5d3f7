package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func readBaseline(t *testing.T, file string) *baseline.Baseline {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := baseline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestABaselineIsBuiltFromEventsAndNamedInDecisions(t *testing.T) {
	dir := t.TempDir()
	file, events := filepath.Join(dir, "baseline.json"), filepath.Join(dir, "events.jsonl")
	var in strings.Builder
	for n := range 2000 {
		fmt.Fprintln(&in, inputLine(n, fmt.Sprintf("u%d", n%20), `,"network":{"ip":"192.0.2.1","asn":2119,"geo":{"country":"NO","lat":59.9,"lon":10.7}}`))
	}
	in.WriteString("no event\n")
	if err := os.WriteFile(events, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := call(t, "", "baseline", "build", "-data", dir, "-events", events, "-groups", "10", "-o", file)
	if code != exitOK || !strings.Contains(stderr, "version 2026-11-20, 2000 events of 20 people, 1 groups, 1 lines bad") {
		t.Fatalf("got code %d, %s", code, stderr)
	}
	b := readBaseline(t, file)
	if no := b.Document().Countries["NO"]; no < 0.75 || no > 0.85 { // 2000 of 2500
		t.Errorf("NO has a share of %v, want about 0.8", no)
	}
	if b.For("t") == b {
		t.Error("the tenant has no baseline of its own, want one from 20 people on")
	}

	_, _, code = call(t, "", "baseline", "-data", dir, "-events", events, "-name", "ours-7", "-o", file, "build")
	if code != exitOK {
		t.Fatal("building again under a name failed")
	}
	out, stderr, code := call(t, inputLine(1, "u", "")+"\n", "score", "-no-geo", "-baseline", file)
	if code != exitOK || !strings.Contains(out, `"baseline":"ours-7"`) {
		t.Errorf("score: got code %d, %s %s; want the baseline named", code, out, stderr)
	}
	_, stderr, code = call(t, "", "score", "-no-geo", "-baseline", events)
	if code != exitUsage || !strings.Contains(stderr, "-baseline") {
		t.Errorf("a file that is no baseline: got code %d, %s", code, stderr)
	}
}

func TestABaselineHasOneSourceWithPeopleInIt(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"baseline", "build"}, exitUsage, "one source"},
		{[]string{"baseline", "-from-journal", "-events", "-", "build"}, exitUsage, "one source"},
		{[]string{"baseline"}, exitUsage, "baseline build"},
		{[]string{"baseline", "build", "-evnts", "x"}, exitUsage, "evnts"},
		{[]string{"baseline", "build", "now"}, exitUsage, "now"},
		{[]string{"baseline", "-events", "-", "build"}, exitError, "nothing to build from"},
	} {
		if _, stderr, code := call(t, "", c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: got code %d, %s; want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestABaselineIsBuiltFromTheJournal(t *testing.T) {
	b := natstest.Start(t, 1)
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Epoch: 1, InputLast: 1, WrittenMs: time.Now().UnixMilli(), Totals: &riskdv1.Counts{}}
	for n, action := range []string{"allow", "allow", "allow", "step_up", "deny"} {
		rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{
			Status: riskdv1.JournalEntry_STATUS_SCORED,
			Event: &riskdv1.Event{
				Id: fmt.Sprint(n), Source: "//t", Type: "dev.riskd.activity.v1", TimeMs: 1_790_000_000_000, TenantId: "t", User: &riskdv1.User{Id: fmt.Sprint("u", n)},
				Action: "invoice.approve", Outcome: "success", Count: 1,
			},
			Decision: &riskdv1.Decision{Action: action},
		})
	}
	rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_STATUS_DUPLICATE})
	data, err := journal.Encode(rec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := natsjs.AppendRecord(t.Context(), b.JS, 0, 0, data); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := call(t, "", "baseline", "-nats-url", b.URL(), "-from-journal", "build")
	var doc baseline.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != exitOK {
		t.Fatalf("got code %d, %v, %s", code, err, stderr)
	}
	if !strings.Contains(doc.Source, "3 events of 3 people") || doc.Actions["invoice.approve"] == 0 {
		t.Errorf("got %q with invoice.approve at %v, want the three allowed events", doc.Source, doc.Actions["invoice.approve"])
	}
}
