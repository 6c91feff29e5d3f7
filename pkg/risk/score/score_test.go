package score_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
)

func TestRiskIsRecomputedFromItsPartsToTheLastDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d decision.Decision
		s := score.On(&d)
		for range rapid.IntRange(0, 20).Draw(t, "parts") {
			s.Add("x", score.Milli(rapid.Float64Range(-20, 20).Draw(t, "nats")))
		}
		want := score.Risk(s.Sum())
		if got := score.RiskFromParts(d.Parts); got != want {
			t.Fatalf("got %v, want %v", got, want)
		}
		// Anybody with a calculator: sum the numbers as printed, two decimals.
		sum := 0.0
		for _, p := range d.Parts {
			sum += p.Nats
		}
		if got := math.Round(10000/(1+math.Exp(-math.Round(sum*1000)/1000))) / 100; got != want {
			t.Fatalf("by hand: got %v, want %v", got, want)
		}
	})
}

func TestNothingThatIsNoNumberBecomesEvidence(t *testing.T) {
	t.Parallel()
	for nats, want := range map[float64]profile.Milli{math.Inf(1): 100_000, math.Inf(-1): -100_000, 0.0004: 0, -1.2345: -1235, 8: 8000} {
		if got := score.Milli(nats); got != want && got != want+1 {
			t.Errorf("%v: got %d, want %d", nats, got, want)
		}
	}
	if got := score.Milli(math.NaN()); got != 0 {
		t.Errorf("not a number: got %d, want 0", got)
	}
}

func TestRiskAtItsLandmarks(t *testing.T) {
	t.Parallel()
	for sum, want := range map[profile.Milli]float64{0: 50, -100_000: 0, 100_000: 100, 1000: 73.11, -1000: 26.89} {
		if got := score.Risk(sum); got != want {
			t.Errorf("%d: got %v, want %v", sum, got, want)
		}
	}
}

func TestHeadlinesGrowWithEvidenceAndStayBelowAHundred(t *testing.T) {
	t.Parallel()
	last := -1.0
	for m := profile.Milli(0); m <= 12000; m += 100 {
		got := score.Headline(m)
		if got <= last || got > 100 {
			t.Fatalf("%d: got %v after %v", m, got, last)
		}
		last = got
	}
	if got := score.Headline(-500); got != 0 {
		t.Errorf("evidence for the owner: got %v, want 0", got)
	}
}

func TestAValidTokenExplainsNoveltyAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := feature.Set{}
		f.Network = feature.Network{Known: true, New: "country", Nats: rapid.Float64Range(0, 6).Draw(t, "network")}
		f.Agent = feature.Agent{Known: true, New: "os", Nats: rapid.Float64Range(0, 6).Draw(t, "agent")}
		f.Travel = feature.Travel{Nats: rapid.Float64Range(0.01, 8).Draw(t, "travel")}
		f.Activity.Burst = rapid.Float64Range(0, 4).Draw(t, "burst")
		f.Failures.Nats = rapid.Float64Range(0, 4).Draw(t, "failures")
		f.Device = feature.Device{Token: feature.TokenValid, Seen: 50}
		e := score.Weigh(&f, profile.Held{}, noon)
		if novelty := e.NewNetwork + e.NewAgent + e.Hosting + e.RTT; -e.KnownDevice > novelty {
			t.Fatalf("the token takes away %d, all that is new is %d", -e.KnownDevice, novelty)
		}
	})
}

func TestHeldEvidenceFades(t *testing.T) {
	t.Parallel()
	h := profile.Held{At: noon, Travel: 8000, Activity: 4000}
	later := score.Fade(h, noon+12*3_600_000)
	if later.Travel != 4000 || later.Activity != 0 {
		t.Errorf("after twelve hours: got travel %d, activity %d; want 4000 and 0", later.Travel, later.Activity)
	}
	if before := score.Fade(h, noon-1000); before != h {
		t.Errorf("a late event: got %+v, want it untouched", before)
	}
}

const noon = event.Millis(1_795_435_200_000)
