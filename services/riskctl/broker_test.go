package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// stored counts the events in the input streams.
func stored(t *testing.T, b *natstest.Broker) (n uint64) {
	t.Helper()
	for p := range b.Topo.Partitions {
		s, err := b.JS.Stream(t.Context(), subject.EventsStream(p))
		if err != nil {
			t.Fatal(err)
		}
		n += s.CachedInfo().State.Msgs
	}
	return n
}

func TestSendIsRepeatableWithoutDoubling(t *testing.T) {
	b := natstest.Start(t, 4)
	var in strings.Builder
	for n := range 700 {
		fmt.Fprintln(&in, inputLine(n, fmt.Sprintf("u%d", n%9), ""))
		if n == 300 {
			fmt.Fprintln(&in, `{"id":"no event"}`)
		}
	}
	file := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, stderr, code := call(t, "", "send", "-nats-url", b.URL(), file)
	if code != exitOK || !strings.Contains(out, "accepted=700 duplicate=0 invalid=1 failed=0") || !strings.Contains(stderr, "line 302: ") {
		t.Fatalf("got code %d, %q, %q", code, out, stderr)
	}
	out, _, _ = call(t, in.String(), "send", "-nats-url", b.URL())
	if !strings.Contains(out, "accepted=0 duplicate=700 invalid=1 failed=0") {
		t.Errorf("a second time: %q, want 700 duplicates", out)
	}
	out, _, _ = call(t, "", "send", "-nats-url", b.URL(), "-from", "601", file)
	if !strings.Contains(out, "accepted=0 duplicate=101 invalid=0") {
		t.Errorf("from line 601: %q, want the 101 lines after it", out)
	}
	if n := stored(t, b); n != 700 {
		t.Errorf("the broker holds %d events, want 700", n)
	}
	_, stderr, code = call(t, in.String(), "send", "-nats-url", b.URL(), "-strict")
	if code != exitInput || !strings.Contains(stderr, "line 302") {
		t.Errorf("strict: code %d, %q; want 3 and line 302", code, stderr)
	}
}

func TestSendWithoutRiskdSaysSo(t *testing.T) {
	_, stderr, code := call(t, inputLine(1, "u", ""), "send", "-nats-url", "nats://127.0.0.1:1")
	if code != exitError || !strings.Contains(stderr, "is riskd running") {
		t.Errorf("got code %d, %q", code, stderr)
	}
}

// gateway answers as services/gateway does for batches; what it accepts it remembers.
func gateway(t *testing.T) (url string, got map[string]bool) {
	got = map[string]bool{}
	busy := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-key" || wire.MediaType(r.Header.Get("Content-Type")) != wire.MediaBatch || r.URL.Path != "/v1/events" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"title":"Who are you?"}`)
			return
		}
		if busy = !busy; !busy {
			w.WriteHeader(http.StatusTooManyRequests) // every other request has to be repeated
			return
		}
		var batch []struct {
			ID   string
			Data struct{ Action string }
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Error(err)
		}
		var results []string
		for _, e := range batch {
			status := `"status":"accepted"`
			switch {
			case e.Data.Action == "refuse.me":
				status = `"status":"invalid","reason":"bad_value","detail":"action"`
			case got[e.ID]:
				status = `"status":"duplicate"`
			}
			got[e.ID] = true
			results = append(results, fmt.Sprintf(`{"id":%q,%s}`, e.ID, status))
		}
		fmt.Fprintf(w, `{"results":[%s]}`, strings.Join(results, ","))
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

func TestSendOverHTTPCountsWhatTheGatewaySays(t *testing.T) {
	url, got := gateway(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("the-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := inputLine(1, "u", "") + "\n" + inputLine(2, "u", "") + "\n" + strings.Replace(inputLine(3, "u", ""), "resource.read", "refuse.me", 1) + "\n" + inputLine(1, "u", "")
	out, stderr, code := call(t, in, "send", "-gateway", url, "-key-file", key)
	if code != exitOK || !strings.Contains(out, "accepted=2 duplicate=1 invalid=1 failed=0") || len(got) != 3 {
		t.Errorf("got code %d, %q, %q, gateway has %d", code, out, stderr, len(got))
	}
	if !strings.Contains(stderr, "line 3: refused: bad_value: action") {
		t.Errorf("the refused line is not named: %q", stderr)
	}
	if err := os.WriteFile(key, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = call(t, in, "send", "-gateway", url, "-key-file", key)
	if code != exitError || !strings.Contains(stderr, "401") {
		t.Errorf("with a wrong key: code %d, %q; want 1 and 401", code, stderr)
	}
}

func TestWatchShowsSignalsOneLineEach(t *testing.T) {
	b := natstest.Start(t, 2)
	for i, state := range []string{"required", "satisfied"} {
		msg, err := natsjs.SignalMsg(&riskdv1.Signal{
			ChallengeId: "ch_1", Revision: uint64(i + 1), TenantId: "acme", UserId: "u\x1b[31m", SessionId: "s1", State: state, AtMs: 1_790_000_000_000, Cause: "stepup_completed",
			Risk: &riskdv1.SignalRisk{Score: 82.4, Level: "high", Reasons: []string{"impossible_travel", "new_network"}},
		}, broker.Position{Partition: 0, Seq: uint64(i + 1)})
		if err != nil {
			t.Fatal(err)
		}
		if err := natsjs.Store(t.Context(), b.JS, msg); err != nil {
			t.Fatal(err)
		}
	}
	out, stderr, code := call(t, "", "watch", "-nats-url", b.URL(), "-since", "1h", "-n", "2")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitOK || len(lines) != 2 {
		t.Fatalf("got code %d, %q, %q; want two lines", code, out, stderr)
	}
	if !strings.Contains(lines[0], "required") || !strings.Contains(lines[0], "impossible travel, new network") || !strings.Contains(lines[1], "stepup completed") {
		t.Errorf("got %q", lines)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("a user's name reached the terminal as it is")
	}
	out, _, _ = call(t, "", "watch", "-nats-url", b.URL(), "-since", "1h", "-n", "1", "-json", "-state", "satisfied", "-tenant", "acme")
	if !json.Valid([]byte(out)) || !strings.Contains(out, `"state":"satisfied"`) {
		t.Errorf("as JSON: %q", out)
	}
}

func TestVerifyChainNamesTheBrokenRecord(t *testing.T) {
	b := natstest.Start(t, 1)
	totals := riskdv1.Counts{}
	appendRecord := func(prev []byte, seq uint64, lie uint64) (hash []byte) {
		totals.Accepted, totals.Scored = totals.Accepted+1, totals.Scored+1
		rec := &riskdv1.JournalRecord{
			Kind: riskdv1.JournalRecord_KIND_BATCH, Epoch: 1, PrevHash: prev, InputLast: seq, WrittenMs: time.Now().UnixMilli(),
			Entries: []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_SCORED, Input: seq}},
			Totals:  &riskdv1.Counts{Accepted: totals.Accepted + lie, Scored: totals.Scored + lie},
		}
		data, err := journal.Encode(rec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := natsjs.AppendRecord(t.Context(), b.JS, 0, seq-1, data); err != nil {
			t.Fatal(err)
		}
		s, err := journal.Decode(0, seq, data)
		if err != nil {
			t.Fatal(err)
		}
		return s.Hash[:]
	}
	h := appendRecord(nil, 1, 0)
	h = appendRecord(h, 2, 0)
	out, stderr, code := call(t, "", "verify-chain", "-nats-url", b.URL())
	if code != exitOK || !strings.Contains(out, "sound: 2 records in 1 partitions; accepted=2 scored=2") {
		t.Fatalf("got code %d, %q, %q", code, out, stderr)
	}
	_, stderr, code = call(t, "", "rebuild", "-nats-url", b.URL())
	if code != exitUsage || !strings.Contains(stderr, "2 records") || !strings.Contains(stderr, "-yes") {
		t.Errorf("rebuild unasked: code %d, %q; want 2 and nothing done", code, stderr)
	}
	h = appendRecord(h, 3, 1) // claims one decision more than there are
	_, stderr, code = call(t, "", "verify-chain", "-nats-url", b.URL())
	if code != exitError || !strings.Contains(stderr, "partition 0 seq 3") {
		t.Errorf("wrong totals: code %d, %q; want 1 and the record named", code, stderr)
	}
	_, stderr, code = call(t, "", "rebuild", "-yes", "-nats-url", b.URL())
	if code != exitError || !strings.Contains(stderr, "ClickHouse is left as it is") {
		t.Errorf("rebuild from a faulty journal: code %d, %q; want 1 and nothing done", code, stderr)
	}
	h[0] ^= 1 // the next record names another one before it
	appendRecord(h, 4, 0)
	_, stderr, code = call(t, "", "verify-chain", "-nats-url", b.URL())
	if code != exitError || !strings.Contains(stderr, "partition 0 seq") {
		t.Errorf("broken chain: code %d, %q; want 1 and the record named", code, stderr)
	}
}
