package sink

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestEveryColumnOfTheSchemaIsFilled(t *testing.T) {
	_, conn := database(t)
	for _, f := range newBatch(nil).frames() {
		rows, err := conn.Query(t.Context(), "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY name", named("table", f.name))
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			want = append(want, name)
		}
		rows.Close()
		for _, c := range f.cols {
			got = append(got, c.column().name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", f.name, got, want)
		}
	}
}

func TestAllColumnsOfATableAreOfOneLength(t *testing.T) {
	l := &ledger{t: t}
	b := newBatch(nil)
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH}
	for k := range uint64(26) {
		rec.Entries = append(rec.Entries, l.entry(0, k))
	}
	// Entries without anything in them, of every status.
	for s := range riskdv1.JournalEntry_Status_name {
		rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Status: riskdv1.JournalEntry_Status(s)})
	}
	b.add(stored(0, 1, rec))
	for _, f := range b.frames() {
		for _, c := range f.cols {
			if c.rows() != f.rows() {
				t.Errorf("%s.%s has %d rows, the table %d", f.name, c.column().name, c.rows(), f.rows())
			}
		}
	}
	if b.unknown != 1 {
		t.Errorf("%d entries of an unknown status, want 1", b.unknown)
	}
}

func TestKindsOfReceipts(t *testing.T) {
	for typ, want := range map[string]string{
		"dev.riskd.enforcement.v1": "receipt", "dev.riskd.stepup.completed.v1": "completed", "dev.riskd.stepup.abandoned.v1": "abandoned",
		"dev.riskd.activity.v1": "", "dev.riskd.feedback.v1": "", "": "",
	} {
		if got := enforcementKind(typ); got != want {
			t.Errorf("%s: got %q, want %q", typ, got, want)
		}
	}
}

func FuzzDetailIsJSON(f *testing.F) {
	f.Add("km", 9554.123, "from", "London, \"GB\"\\\n\x00\x7f")
	f.Add("a", math.Inf(1), "b", "\xff\u2028</script>")
	f.Fuzz(func(t *testing.T, k1 string, n float64, k2, text string) {
		s := detailJSON([]*riskdv1.Detail{{Key: k1, Value: &riskdv1.Detail_Number{Number: n}}, {Key: k2, Value: &riskdv1.Detail_Text{Text: text}}, {Key: "none"}})
		var got map[string]any
		if err := json.Unmarshal([]byte(s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if k1 != k2 && k1 != "none" && strings.ToValidUTF8(k1, "\ufffd") == k1 && k2 != k1 && strings.ToValidUTF8(k2, "\ufffd") == k2 {
			if v, ok := got[k1].(float64); ok && v != n {
				t.Errorf("%v came back as %v", n, v)
			}
		}
	})
}

func TestLagIsSinceTheOldestThatWaits(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, c := range []struct {
		name     string
		at, head position
		behind   time.Time
		want     Lag
	}{
		{"nothing waits", position{seq: 5, written: ago(time.Hour)}, position{seq: 5}, time.Time{}, Lag{}},
		{"a record came after a quiet hour", position{seq: 5, written: ago(time.Hour)}, position{seq: 6, written: ago(time.Second)}, ago(time.Second), Lag{Records: 1, Oldest: time.Second}},
		{"an outage", position{seq: 5, written: ago(time.Hour)}, position{seq: 900, written: now}, ago(10 * time.Minute), Lag{Records: 895, Oldest: 10 * time.Minute}},
		{"catching up", position{seq: 500, written: ago(2 * time.Minute)}, position{seq: 900, written: now}, ago(10 * time.Minute), Lag{Records: 400, Oldest: 2 * time.Minute}},
	} {
		s := &Service{at: map[int]position{0: c.at}, heads: map[int]position{0: c.head}, behind: map[int]time.Time{}}
		if !c.behind.IsZero() {
			s.behind[0] = c.behind
		}
		if got := s.lagAt(now); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestFaultsOfTheConfigurationAreNamed(t *testing.T) {
	err := (Config{}).Validate()
	for _, key := range []string{"sink.name", "sink.partitions", "sink.max_rows", "sink.max_bytes", "sink.max_wait", "sink.read_ahead", "sink.timeout", "sink.backoff", "sink.lag_every"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
	c := DefaultConfig()
	c.Partitions = 32
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestTokensNameTheRecords(t *testing.T) {
	a := []cut{{partition: 1, after: 2, last: 3, hash: [32]byte{1}}}
	for name, b := range map[string][]cut{
		"another end":       {{partition: 1, after: 2, last: 4, hash: [32]byte{1}}},
		"another partition": {{partition: 2, after: 2, last: 3, hash: [32]byte{1}}},
		"another record":    {{partition: 1, after: 2, last: 3, hash: [32]byte{2}}},
		"one more":          {a[0], {partition: 2, after: 2, last: 3}},
	} {
		if fingerprint(a) == fingerprint(b) {
			t.Errorf("%s has the same token", name)
		}
	}
	if fingerprint(a) != fingerprint(slices.Clone(a)) {
		t.Error("the same cut has two tokens")
	}
}
