package profile_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// A profile that a build wrote which did not know of revoked challenges yet (engine 2026-11-28.8).
func TestProfilesOfOlderBuildsAreRead(t *testing.T) {
	t.Parallel()
	old, err := os.ReadFile("testdata/engine_8.profile")
	if err != nil {
		t.Fatal(err)
	}
	var p profile.Profile
	if err := profile.Decode(old, &p); err != nil {
		t.Fatal(err)
	}
	if got := p.AppendBinary(nil); !bytes.Equal(got, old) || !bytes.Equal(got, lived().AppendBinary(nil)) {
		t.Error("it comes back otherwise")
	}
	for i := range p.Sessions {
		p.Sessions[i].Challenge.Revoked = p.Sessions[i].Challenge.ID != ""
	}
	var back profile.Profile
	if err := profile.Decode(p.AppendBinary(nil), &back); err != nil {
		t.Fatal(err)
	}
	revoked := 0
	for i := range back.Sessions {
		if back.Sessions[i].Challenge.Revoked {
			revoked++
		}
	}
	if revoked == 0 || revoked == len(back.Sessions) {
		t.Errorf("%d of %d sessions are revoked", revoked, len(back.Sessions))
	}
}

func TestAProfileSurvivesItsCodec(t *testing.T) {
	t.Parallel()
	p := lived()
	data := p.AppendBinary([]byte("prefix"))[6:]
	var q profile.Profile
	for range 2 { // the second time into used memory
		if err := profile.Decode(data, &q); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(q.AppendBinary(nil), data) {
			t.Fatal("decoding and encoding changes the bytes")
		}
	}
	if q.Sessions[7].Challenge != p.Sessions[7].Challenge || q.Places[2] != p.Places[2] || q.Watermark != p.Watermark {
		t.Errorf("got %+v, want %+v", q.Sessions[7], p.Sessions[7])
	}
}

func TestDecodeKeepsNothingOfItsInput(t *testing.T) {
	t.Parallel()
	data := lived().AppendBinary(nil)
	var q profile.Profile
	if err := profile.Decode(data, &q); err != nil {
		t.Fatal(err)
	}
	want := q.Places[0].Name
	for i := range data {
		data[i] = 'x'
	}
	if q.Places[0].Name != want {
		t.Errorf("got %q, want %q", q.Places[0].Name, want)
	}
}

func TestTruncatedProfilesAreCorruptAndLeaveNothing(t *testing.T) {
	t.Parallel()
	data := lived().AppendBinary(nil)
	for n := range data {
		var q profile.Profile
		if err := profile.Decode(data[:n], &q); !errors.Is(err, profile.ErrCorrupt) {
			t.Fatalf("%d of %d bytes: got %v, want ErrCorrupt", n, len(data), err)
		}
		if q.Events != 0 || len(q.Sessions) != 0 {
			t.Fatalf("%d bytes: a failed decode left something", n)
		}
	}
	if err := profile.Decode(append(data, 0), &profile.Profile{}); !errors.Is(err, profile.ErrCorrupt) {
		t.Errorf("a byte too many: got %v, want ErrCorrupt", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(lived().AppendBinary(nil))
	f.Add(told().AppendBinary(nil))
	f.Add((&profile.Profile{}).AppendBinary(nil))
	f.Add([]byte{1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		var p, q profile.Profile
		if err := profile.Decode(data, &p); err != nil {
			if !errors.Is(err, profile.ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		again := p.AppendBinary(nil)
		if err := profile.Decode(again, &q); err != nil {
			t.Fatalf("what was decoded cannot be encoded and decoded: %v", err)
		}
		if !bytes.Equal(q.AppendBinary(nil), again) {
			t.Fatal("encoding is not stable")
		}
	})
}

func BenchmarkAppendBinary(b *testing.B) {
	p := lived()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = p.AppendBinary(buf[:0])
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

func BenchmarkDecode(b *testing.B) {
	data := lived().AppendBinary(nil)
	var p profile.Profile
	b.ReportAllocs()
	for b.Loop() {
		if err := profile.Decode(data, &p); err != nil {
			b.Fatal(err)
		}
	}
}
