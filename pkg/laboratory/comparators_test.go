package laboratory

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

func login(user, ip string, asn uint32, country, agent, token string, hour int64) *event.Event {
	ev := &event.Event{
		Tenant: "t", User: event.User{ID: user}, Device: token,
		Time:    event.Millis(hour * 3_600_000),
		Network: event.Network{IP: netip.MustParseAddr(ip), ASN: asn},
		Agent:   event.AgentInfo{Raw: agent, Browser: "Firefox", BrowserMajor: 140, OS: "Linux", Class: "desktop"},
	}
	ev.Network.Place.Country = country
	return ev
}

// The expected value is worked out by hand from the published formula: two users, three logins.
func TestFreemanGivesTheValueOfTheFormula(t *testing.T) {
	f := NewFreeman(false)
	f.Learn(login("u1", "192.0.2.1", 1, "GB", "A", "", 0))
	f.Learn(login("u1", "192.0.2.1", 1, "GB", "A", "", 1))
	f.Learn(login("u2", "198.51.100.1", 2, "FR", "B", "", 2))

	// Network of u1 again: local = 0.6+0.3+0.1 = 1.
	// global: finest level n=2, N=3, unseen = 2 ASNs + 2 countries + 1 = 5, within = 1-3/(2+3).
	network := 0.6*(1-3.0/5)*(2.0/3)*(1-5.0/8) + 0.3*2/3 + 0.1*2/3
	// Agent: all three share browser, OS and class; unseen = 1+1+1+1 = 4, within = 1-4/(2+4).
	agent := agentWeights[0]*(1-4.0/6)*(2.0/3)*(1-4.0/7) + agentWeights[1] + agentWeights[2] + agentWeights[3]
	want := math.Log(network) + math.Log(agent) + math.Log((1.0/2)/(2.0/3))

	got := f.Score(login("u1", "192.0.2.1", 1, "GB", "A", "", 3))
	if math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFreemanCountsAnUnseenNetworkAsAQuarterOfTheGlobalOne(t *testing.T) {
	f := NewFreeman(false)
	f.Learn(login("u1", "192.0.2.1", 1, "GB", "A", "", 0))
	f.Learn(login("u2", "198.51.100.1", 2, "FR", "A", "", 1))
	known := f.Score(login("u1", "192.0.2.1", 1, "GB", "A", "", 2))
	unseen := f.Score(login("u1", "203.0.113.9", 9, "US", "A", "", 2))
	network := math.Log(f.globalLikelihood(f.global[0], networkWeights, []string{"192.0.2.1", "1", "GB"}))
	if got, want := unseen-known, math.Log(4)-network; math.Abs(got-want) > 1e-12 {
		t.Errorf("got a difference of %v nats, want %v", got, want)
	}
}

func TestAKnownTokenSpeaksForTheOwnerAndAMissingOneAgainst(t *testing.T) {
	f := NewFreeman(true)
	f.Learn(login("u1", "192.0.2.1", 1, "GB", "A", "d1", 0))
	known := f.Score(login("u1", "192.0.2.1", 1, "GB", "A", "d1", 1))
	missing := f.Score(login("u1", "192.0.2.1", 1, "GB", "A", "", 1))
	if got, want := missing-known, tokenMissing-tokenKnown; math.Abs(got-want) > 1e-12 {
		t.Errorf("got %v nats between them, want %v", got, want)
	}
}

func TestPointsAddUpWhatIsNew(t *testing.T) {
	p := NewPoints()
	p.Learn(login("u1", "192.0.2.1", 1, "GB", "A", "d1", 0))
	for _, c := range []struct {
		name string
		ev   *event.Event
		want float64
	}{
		{"all known", login("u1", "192.0.2.1", 1, "GB", "A", "d1", 5), 0},
		{"token missing", login("u1", "192.0.2.1", 1, "GB", "A", "", 5), 40},
		{"another address of the same network", login("u1", "192.0.2.9", 1, "GB", "A", "d1", 5), 5},
		{"everything new", login("u1", "203.0.113.9", 9, "US", "B", "", 5), 100},
		{"a user never seen", login("u9", "203.0.113.9", 9, "US", "B", "", 5), 0},
	} {
		if got := p.Score(c.ev); got != c.want {
			t.Errorf("%s: got %v points, want %v", c.name, got, c.want)
		}
	}
}

func TestIPv6PrivacyAddressesAreOneAddress(t *testing.T) {
	p := NewPoints()
	p.Learn(login("u1", "2001:db8:1:2:a::1", 1, "GB", "A", "d1", 0))
	if got := p.Score(login("u1", "2001:db8:1:2:b::7", 1, "GB", "A", "d1", 5)); got != 0 {
		t.Errorf("another address of the same /64: got %v points, want 0", got)
	}
}

func TestTheThresholdCatchesTheShareAskedFor(t *testing.T) {
	attacks := make([]float64, 100)
	for i := range attacks {
		attacks[i] = float64(i)
	}
	for tpr, want := range map[float64]float64{1: 0, 0.99: 1, 0.98: 2, 0.5: 50} {
		if got := thresholdAt(attacks, tpr); got != want {
			t.Errorf("TPR %v: got threshold %v, want %v", tpr, got, want)
		}
	}
}

func TestReauthenticationCountsFirstLoginsAndLeavesShortHistoriesOut(t *testing.T) {
	rows := [][]float64{{9, 1, 1, 1}, {9, 9, 1, 1}, {1, 1, 1, 1}, {9, 9}}
	if got, want := reauthRate(rows, 4, 5), 0.25; got != want {
		t.Errorf("median of 1/4, 2/4, 0: got %v, want %v", got, want)
	}
	if got, want := meanRate(rows, 4, 5), 0.25; got != want {
		t.Errorf("mean of 1/4, 2/4, 0: got %v, want %v", got, want)
	}
}

func TestAUCIsOneWhenApartAndAHalfWhenEqual(t *testing.T) {
	if got := auc([]float64{1, 2}, []float64{3, 4}); got != 1 {
		t.Errorf("apart: got %v, want 1", got)
	}
	if got := auc([]float64{1, 1}, []float64{1}); got != 0.5 {
		t.Errorf("all ties: got %v, want 0.5", got)
	}
	if got := auc([]float64{1, 3}, []float64{2}); got != 0.5 {
		t.Errorf("in the middle: got %v, want 0.5", got)
	}
}

func TestTheBootstrapIntervalHoldsTheMeanOfFairCoins(t *testing.T) {
	values := make([]float64, 400)
	for i := range values {
		values[i] = float64(i % 2)
	}
	iv := bootstrap(rand.New(rand.NewPCG(1, 2)), len(values), 500, func(draw []int) float64 {
		sum := 0.0
		for _, i := range draw {
			sum += values[i]
		}
		return sum / float64(len(draw))
	})
	if iv.Low > 0.5 || iv.High < 0.5 || iv.High-iv.Low > 0.12 || iv.High-iv.Low < 0.07 {
		t.Errorf("got %+v, want about 0.45..0.55", iv)
	}
}
