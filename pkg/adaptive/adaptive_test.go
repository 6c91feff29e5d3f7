package adaptive_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/adaptive"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

const hour = 3_600_000

var percent = policy.Adaptive{Rate: 1, Floor: 20, Ceiling: 80, MinSessions: 300}

// spread counts n sessions whose peaks lie evenly in 0..to points.
func spread(s *adaptive.State, at int64, n int, to float64) {
	for i := range n {
		s.Observe("acme", at, 0, 0, uint32(float64(i)/float64(n)*to*100)+1)
	}
}

func TestTheThresholdIsWhereTheChosenShareOfSessionsLies(t *testing.T) {
	s := new(adaptive.State)
	if at := s.StepUpAt(percent, "acme", hour); at != 0 {
		t.Errorf("with no sessions: %g", at)
	}
	spread(s, hour, 200, 50)
	if at := s.StepUpAt(percent, "acme", 3*hour); at != 0 {
		t.Errorf("with 200 sessions, 300 are wanted: %g", at)
	}
	spread(s, hour, 9_800, 50)
	if at := s.StepUpAt(percent, "acme", hour+1000); at != 0 {
		t.Errorf("within the hour: %g", at)
	}
	if at := s.StepUpAt(percent, "acme", 2*hour); at != 49.5 {
		t.Errorf("one in a hundred of 0..50: got %g, want 49.5", at)
	}
	two := percent
	two.Rate, two.Floor = 50, 30
	if at := s.StepUpAt(two, "acme", 2*hour); at != 30 {
		t.Errorf("the floor: got %g, want 30", at)
	}
	if at := s.StepUpAt(percent, "other", 2*hour); at != 0 {
		t.Errorf("another tenant: %g", at)
	}
	if at := s.StepUpAt(policy.Adaptive{}, "acme", 2*hour); at != 0 {
		t.Errorf("no rate: %g", at)
	}
}

func TestSessionsUnderQuestionDoNotMoveTheThreshold(t *testing.T) {
	s := new(adaptive.State)
	spread(s, hour, 1000, 40)
	before := s.StepUpAt(percent, "acme", 2*hour)
	for range 300 { // begin quietly, then cross the threshold, and nobody answers
		s.Observe("acme", hour, 0, 0, 1001)
		s.Observe("acme", hour, 0, 1001, 0)
	}
	if at := s.StepUpAt(percent, "acme", 2*hour); at != before {
		t.Errorf("300 sessions under question moved the threshold from %g to %g", before, at)
	}
	for range 300 { // pass their challenges
		s.Observe("acme", hour, 0, 0, 7001)
	}
	if at := s.StepUpAt(percent, "acme", 3*hour); at < 60 {
		t.Errorf("300 people had to prove themselves at risk 70, and the threshold is %g", at)
	}
}

func TestALittleDifferenceMovesNothing(t *testing.T) {
	s := new(adaptive.State)
	spread(s, hour, 1000, 40)
	at := s.StepUpAt(percent, "acme", 2*hour)
	s.Observe("acme", 2*hour, at, 0, 0)
	for range 6 {
		s.Observe("acme", 2*hour, at, 0, uint32(at*100)+51)
	}
	if now := s.StepUpAt(percent, "acme", 3*hour); now != at {
		t.Errorf("the threshold went from %g to %g", at, now)
	}
}

func TestOldSessionsFade(t *testing.T) {
	s := new(adaptive.State)
	spread(s, hour, 1000, 80)
	for day := range int64(90) {
		spread(s, (day*24+2)*hour, 40, 30)
	}
	if at := s.StepUpAt(percent, "acme", 90*24*hour); at > 32 {
		t.Errorf("after three months of quieter sessions the threshold is %g", at)
	}
	if at := s.StepUpAt(percent, "acme", (90+400)*24*hour); at != 0 {
		t.Errorf("after a year of silence: %g", at)
	}
}

// The threshold an event is judged by does not depend on where records end, nor on a restart in between.
func TestHoursGiveTheSameHoweverTheyAreCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		by := policy.Adaptive{Rate: rapid.Float64Range(0.1, 20).Draw(t, "rate"), Floor: 10, Ceiling: 90, MinSessions: 20}
		type event struct {
			at       int64
			from, to uint32
		}
		var events []event
		clock := int64(1000 * hour)
		for range rapid.IntRange(50, 400).Draw(t, "events") {
			clock += rng.Int64N(hour / 4)
			to := uint32(rng.IntN(10_001)) + 1
			from := uint32(0)
			if rng.IntN(3) == 0 {
				from = uint32(rng.IntN(10_001)) + 1
			}
			events = append(events, event{clock, from, to})
		}
		run := func(restart bool) []float64 {
			s := new(adaptive.State)
			var out []float64
			for _, e := range events {
				at := s.StepUpAt(by, "acme", e.at)
				out = append(out, at)
				s.Observe("acme", e.at, at, e.from, e.to)
				if restart && rng.IntN(5) == 0 {
					next := new(adaptive.State)
					if err := next.Restore(s.Version(), s.AppendTo(nil)); err != nil {
						t.Fatal(err)
					}
					s = next
				}
			}
			return out
		}
		// A batch looks all its thresholds up first, and is taken in afterwards.
		batched := func() []float64 {
			s := new(adaptive.State)
			var out []float64
			for i := 0; i < len(events); {
				n := i
				hour := s.Hour(events[i].at)
				for n < len(events) && n-i < 1+rng.IntN(20) && s.Hour(events[n].at) == hour {
					out = append(out, s.StepUpAt(by, "acme", events[n].at))
					n++
				}
				for ; i < n; i++ {
					s.Observe("acme", events[i].at, out[i], events[i].from, events[i].to)
				}
			}
			return out
		}
		want := fmt.Sprint(run(false))
		if got := fmt.Sprint(run(true)); got != want {
			t.Fatalf("with restarts\n%s\nwithout\n%s", got, want)
		}
		if got := fmt.Sprint(batched()); got != want {
			t.Fatalf("in batches\n%s\none by one\n%s", got, want)
		}
	})
}

func FuzzRestore(f *testing.F) {
	s := new(adaptive.State)
	spread(s, hour, 50, 40)
	f.Add(s.AppendTo(nil))
	f.Add([]byte{0, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := new(adaptive.State)
		if s.Restore(1, data) != nil {
			return
		}
		again := new(adaptive.State)
		if err := again.Restore(1, s.AppendTo(nil)); err != nil || !bytes.Equal(again.AppendTo(nil), s.AppendTo(nil)) {
			t.Errorf("what was read does not come again: %v", err)
		}
	})
}
