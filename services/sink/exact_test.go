package sink

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Every event, as it was judged, can be read back from ClickHouse byte for byte, each user's in the order of the journal.
func TestEventsComeBackFromClickHouseAsTheyWereJudged(t *testing.T) {
	_, conn := database(t)
	l := &ledger{t: t}
	want, decided := map[string][]byte{}, map[string]*riskdv1.Decision{}
	b := newBatch(nil)
	for seq := range uint64(4) {
		rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, WrittenMs: base.UnixMilli()}
		for k := range uint64(40) {
			e := l.entry(1, seq*40+k)
			switch {
			case e.Event == nil:
			case k%9 == 1: // a trusted upstream
				e.Event.Network.Geo, e.Event.Network.Asn = e.Enrichment.Geo, e.Enrichment.Asn
			case k%9 == 2: // nothing but what is required
				e.Event.Session, e.Event.Device, e.Event.Network, e.Event.Http, e.Event.Resource, e.Event.Attributes, e.Enrichment.Geo = nil, nil, nil, nil, nil, nil, nil
			case k%9 == 3: // what columns cannot hold
				e.Event.Network.Ip, e.Event.Session.AuthTimeMs, e.Enrichment.Agent.BrowserMajor = "2001:DB8::1", -7, 1<<20
			case k%9 == 4 && e.Decision != nil: // a branch of the session
				e.Decision.SessionId = "branch"
			}
			rec.Entries = append(rec.Entries, e)
			if e.Status == riskdv1.JournalEntry_STATUS_SCORED || e.Status == riskdv1.JournalEntry_STATUS_LATE {
				bytes, err := (&riskdv1.JournalEntry{Event: e.Event, Enrichment: e.Enrichment}).MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				want[fmt.Sprintf("1/%d/%d", seq+1, k)] = bytes
				if e.Decision != nil {
					decided[fmt.Sprintf("1/%d/%d", seq+1, k)] = e.Decision
				}
			}
		}
		rec.Policies = seq / 2
		b.add(stored(1, seq+1, rec))
	}
	for i := range 2 { // the second in other words: merged rows come once
		if err := insert(t.Context(), conn, b.events.table(Config{}.table), fmt.Sprint("exact/", i)); err != nil {
			t.Fatal(err)
		}
	}
	whole, last := 0, eventrow.Stored{}
	err := eventrow.Read(t.Context(), conn, eventrow.Filter{Tenant: "acme"}, func(s eventrow.Stored) error {
		key := fmt.Sprintf("%d/%d/%d", s.Partition, s.Seq, s.Idx)
		got, err := (&riskdv1.JournalEntry{Event: s.Event, Enrichment: s.Enrichment}).MarshalVT()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want[key]) {
			t.Errorf("%s:\n got %v %v\nwant %d bytes, got %d", key, s.Event, s.Enrichment, len(want[key]), len(got))
		}
		delete(want, key)
		if d := decided[key]; d == nil && (s.Decision != 0 || !s.Late) || d != nil && (s.Decision != eventrow.Digest(d) || s.Versions != eventrow.Versions(d)) {
			t.Errorf("%s: the decision is kept as %x by %q", key, s.Decision, s.Versions)
		}
		if s.Revision != (s.Seq-1)/2 {
			t.Errorf("%s: revision %d, want %d", key, s.Revision, (s.Seq-1)/2)
		}
		if last.Event != nil && last.Event.User.Id == s.Event.User.Id && (s.Seq < last.Seq || s.Seq == last.Seq && s.Idx <= last.Idx) {
			t.Errorf("%s comes after %d/%d", key, last.Seq, last.Idx)
		}
		last = s
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%d events did not come back, %v", len(want), err)
	}
	var before eventrow.Stored
	n := 0
	err = eventrow.Read(t.Context(), conn, eventrow.Filter{Journal: true}, func(s eventrow.Stored) error {
		if s.Seq < before.Seq || s.Seq == before.Seq && n > 0 && s.Idx <= before.Idx {
			t.Errorf("in the order of the journal, %d/%d comes after %d/%d", s.Seq, s.Idx, before.Seq, before.Idx)
		}
		before = s
		n++
		return nil
	})
	if err != nil || n != b.events.rows() {
		t.Errorf("in the order of the journal: %d of %d events, %v", n, b.events.rows(), err)
	}
	spans, err := eventrow.Split(t.Context(), conn, eventrow.Filter{}, 5)
	if err != nil || len(spans) < 2 {
		t.Fatalf("%d spans of users, %v", len(spans), err)
	}
	users := map[string]int{}
	for i, f := range spans {
		err := eventrow.Read(t.Context(), conn, f, func(s eventrow.Stored) error {
			if was, ok := users[s.Event.User.GetId()]; ok && was != i {
				t.Errorf("user %s is in spans %d and %d", s.Event.User.GetId(), was, i)
			}
			users[s.Event.User.GetId()] = i
			n--
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n != 0 {
		t.Errorf("%d events are in no span, or more than one", n)
	}
	for _, rest := range b.events.rest.v {
		if rest != "" {
			whole++
		}
	}
	if n := b.events.rows(); whole == 0 || whole > n/3 {
		t.Errorf("%d of %d events are kept whole, want only the odd ones", whole, n)
	}
}
