package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// chain builds n records of one partition after a fence, two events each.
func chain(t testing.TB, n int) []journal.Stored {
	t.Helper()
	var (
		out  []journal.Stored
		prev []byte
		tot  riskdv1.Counts
		in   uint64
	)
	for i := 0; i <= n; i++ {
		rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: 3, Epoch: 1, PrevHash: prev, Owner: "test"}
		if i == 0 {
			rec.Kind = riskdv1.JournalRecord_KIND_FENCE
		} else {
			for _, st := range []riskdv1.JournalEntry_Status{riskdv1.JournalEntry_STATUS_SCORED, riskdv1.JournalEntry_STATUS_LATE} {
				in++
				rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Status: st, Input: in,
					Event: &riskdv1.Event{Id: "e", Source: "//a", TenantId: "acme", User: &riskdv1.User{Id: "u"}}})
				if err := journal.Count(&tot, st); err != nil {
					t.Fatal(err)
				}
			}
		}
		rec.InputLast = in
		rec.Totals = proto.CloneOf(&tot)
		b, err := journal.Encode(rec)
		if err != nil {
			t.Fatal(err)
		}
		s, err := journal.Decode(3, uint64(i+1), b)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(s.Record, rec) {
			t.Fatalf("got %v, want %v", s.Record, rec)
		}
		out = append(out, s)
		prev = bytes.Clone(s.Hash[:])
	}
	return out
}

func TestAWholeChainVerifies(t *testing.T) {
	var c journal.Chain
	for _, s := range chain(t, 5) {
		if err := c.Next(s); err != nil {
			t.Fatal(err)
		}
	}
	var trimmed journal.Chain
	for _, s := range chain(t, 5)[3:] {
		if err := trimmed.Next(s); err != nil {
			t.Fatalf("a trimmed journal: %v", err)
		}
	}
}

func TestEveryKindOfTamperingIsSeen(t *testing.T) {
	cases := map[string]struct {
		change func(s *journal.Stored)
		want   string
	}{
		"other bytes before":        {func(s *journal.Stored) { s.Record.PrevHash[0] ^= 1 }, "prev_hash"},
		"another partition":         {func(s *journal.Stored) { s.Record.Partition = 4 }, "partition 4"},
		"a sequence that repeats":   {func(s *journal.Stored) { s.Seq-- }, "comes after"},
		"an epoch without a fence":  {func(s *journal.Stored) { s.Record.Epoch++ }, "epoch"},
		"an entry taken out":        {func(s *journal.Stored) { s.Record.Entries = s.Record.Entries[:1] }, "input_last"},
		"an entry twice":            {func(s *journal.Stored) { s.Record.Entries[1].Input-- }, "entry 1"},
		"a status changed":          {func(s *journal.Stored) { s.Record.Entries[0].Status = riskdv1.JournalEntry_STATUS_DUPLICATE }, "totals"},
		"totals that do not add up": {func(s *journal.Stored) { s.Record.Totals.Accepted++ }, "add up"},
		"a fence with events":       {func(s *journal.Stored) { s.Record.Kind = 1; s.Record.Epoch++ }, "fence"},
		"no kind":                   {func(s *journal.Stored) { s.Record.Kind = 0 }, "kind"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			recs := chain(t, 2)
			c.change(&recs[2])
			err := journal.Verify(recs[1], recs[2])
			if !errors.Is(err, journal.ErrChain) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want ErrChain about %q", err, c.want)
			}
		})
	}
}

func TestDamagedBytesAreRefused(t *testing.T) {
	for _, size := range []int{100, 100_000} { // stored plain and compressed
		b, err := journal.Encode(&riskdv1.JournalRecord{Kind: 1, Owner: strings.Repeat("x", size)})
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "one byte": {1}, "unknown format": append([]byte{9}, b[1:]...), "cut": b[:len(b)-3],
		} {
			if _, err := journal.Decode(0, 1, bad); !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("%d bytes, %s: got %v, want ErrCorrupt", size, name, err)
			}
		}
	}
}

func TestEncodeThenDecodeIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rec := &riskdv1.JournalRecord{
			Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: rapid.Uint32().Draw(t, "p"), Epoch: rapid.Uint64().Draw(t, "e"),
			InputLast: rapid.Uint64().Draw(t, "in"), Owner: rapid.String().Draw(t, "o"), PublishedThrough: rapid.Uint64().Draw(t, "pt"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Raw: rapid.SliceOfN(rapid.Byte(), 1, 900).Draw(t, "raw"),
				Detail: rapid.String().Draw(t, "d"), Status: riskdv1.JournalEntry_STATUS_DEAD})
		}
		b, err := journal.Encode(rec)
		if err != nil {
			t.Fatal(err)
		}
		s, err := journal.Decode(int(rec.Partition), 9, b)
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(s.Record, rec) {
			t.Fatalf("got %v, want %v", s.Record, rec)
		}
	})
}

// inPieces is a stored record of two pieces.
func inPieces(tb testing.TB) []byte {
	rec := &riskdv1.JournalRecord{Kind: 2, Policy: "p"}
	w := journal.NewWriter()
	for i, id := range []string{"a", "b", "a"} {
		e := &riskdv1.JournalEntry{Status: 1, Input: uint64(i + 1), Event: &riskdv1.Event{Id: id, TenantId: "acme", Source: "//app"}}
		if i == 0 {
			w.Begin(rec, 1)
		} else {
			w.Next(1)
		}
		rec.Entries = append(rec.Entries, e)
		w.Add(e, nil)
		w.Decide(i, &riskdv1.Decision{EventId: id, TenantId: "acme", Risk: 12.5, Level: "low", Action: "allow", Policy: "p"})
	}
	b, err := w.Append(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func FuzzDecode(f *testing.F) {
	b, err := journal.Encode(&riskdv1.JournalRecord{Kind: 2, Entries: []*riskdv1.JournalEntry{{Status: 1, Input: 7, Raw: []byte("x")}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append([]byte{4}, b[1:]...)) // in pieces, of which there is one
	f.Add(inPieces(f))
	if old, err := os.ReadFile(filepath.Join("testdata", "before-outlines.record")); err == nil {
		f.Add(old)
	} else {
		f.Fatal(err)
	}
	f.Add([]byte{2})
	f.Add([]byte{1, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0}) // nothing, compressed
	f.Add([]byte{1, 0x28, 0xb5, 0x2f, 0xfd})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := journal.Decode(1, 2, data)
		if err != nil {
			if !errors.Is(err, journal.ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		var c journal.Chain
		_ = c.Next(s) // must not panic
		again, err := journal.Encode(s.Record)
		if err != nil {
			t.Fatal(err)
		}
		s2, err := journal.Decode(1, 2, again)
		if err != nil {
			t.Fatal(err)
		}
		// The compact form leaves out what is empty; what it gave, it gives again.
		if third, err := journal.Encode(s2.Record); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("a decoded record does not survive another round: %v", err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	recs := chain(b, 500)
	rec := recs[1].Record
	for _, s := range recs[2:] {
		rec.Entries = append(rec.Entries, s.Record.Entries...)
	}
	b.ReportAllocs()
	b.SetBytes(int64(rec.SizeVT()))
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = journal.Append(buf[:0], rec); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheSameRecordAlwaysHasTheSameBytes(t *testing.T) {
	attrs := func() map[string]string {
		m := map[string]string{}
		for i := range 16 {
			m[strings.Repeat("k", i+1)] = "v"
		}
		return m
	}
	var first []byte
	for i := range 50 {
		rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Entries: []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_SCORED,
			Event: &riskdv1.Event{Id: "e", User: &riskdv1.User{Id: "u"}, Attributes: attrs()}}}}
		b, err := journal.Encode(rec)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = b
		} else if !bytes.Equal(b, first) {
			t.Fatal("an event's attributes are written in another order each time")
		}
	}
}
