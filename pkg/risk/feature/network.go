package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

// Network says how new the network is to the user.
type Network struct {
	// Known is false when neither address nor place nor ASN is.
	Known bool
	// Nats of the whole hierarchy; negative for a network that is the user's own and not everyone's.
	Nats float64
	// New is the first level never seen: "country", "asn", "prefix" or "address"; "" when all were.
	New string
	// History and Kinds at that level, in present observations.
	History, Kinds float64
	// AddressSeen is how often this very address (IPv6: /64) was the user's, PrefixSeen its prefix.
	AddressSeen, PrefixSeen float64
	// ASNSeen is how often the ASN was the user's.
	ASNSeen float64
	// Shared is how many others of the tenant get in from the address at the moment.
	Shared float64
	// Hosting is the evidence of a data centre or anonymising network the user has never used, nats.
	Hosting float64
}

var networkLevels = [...]string{"country", "asn", "prefix", "address"}

// networkModel: addresses come and go, so that priors are stronger towards the fine end.
var networkModel = ladder{
	strength: [4]float64{0.04, 0.5, 1.5, 2},
	discount: [4]float64{0.06, 0.5, 0.5, 0.5},
	imitated: [4]float64{0.6, 0.6, 0.5, 0.1},
}

// exitModel is for networks whose addresses many strangers share (carriers, VPN, relays): coming from the
// same one again says little. Where a VPN comes out is chosen, not travelled to, and another country says less.
var exitModel = ladder{
	strength: [4]float64{0.1, 0.5, 1.5, 2},
	discount: [4]float64{0.15, 0.5, 0.5, 0.5},
	imitated: [4]float64{0.6, 0.4, 0.5, 0.6},
}

func (s *Set) network(in *Input) {
	n := &s.Network
	t, path := &in.Profile.Networks, &s.Context.Network
	model := &networkModel
	switch s.Context.Kind {
	case event.Mobile, event.VPN, event.Relay, event.Satellite:
		model = &exitModel
	}
	shares := in.Baseline.Networks(path)
	r := descend(t, path, &shares, s.units.network, model)
	n.Known = r.depth > 0
	if !n.Known {
		return
	}
	n.Nats = r.nats
	if n.Shared = colleagues(in.Event); n.Nats > 0 {
		n.Nats *= max(0.5, 1-0.05*n.Shared) // where colleagues are, one will be some day
	}
	if r.unseen >= 0 {
		n.New, n.History, n.Kinds = networkLevels[r.unseen], r.history, r.kinds
	}
	for i := r.node; i >= 0; {
		node := &t.Nodes[i]
		seen := float64(node.Weight) / s.units.network
		switch node.Level {
		case 3:
			n.AddressSeen = seen
		case 2:
			n.PrefixSeen = seen
		case 1:
			n.ASNSeen = seen
		}
		i = -1
		if node.Parent != 0xff {
			i = int(node.Parent)
		}
	}
	n.Hosting = s.hosting(r)
}

// hosting: attackers come from rented servers and anonymisers far more often than people do; not so for a user
// who did before, and nothing is said of a user without history.
func (s *Set) hosting(r descent) float64 {
	var weight float64
	switch s.Context.Kind {
	case event.Hosting:
		weight = 1.5
	case event.VPN:
		weight = 0.5
	case event.Relay:
		weight = 0.4
	default:
		return 0
	}
	if r.unseen < 0 || r.unseen > 1 { // the ASN is the user's own
		return 0
	}
	return weight * r.history / (r.history + 3)
}

// RTT says how unusual the round trip is, given only when measured.
type RTT struct {
	Known bool
	// Z is the distance from the usual in standard deviations of the logarithm.
	Z    float64
	Nats float64
}

func (s *Set) rtt(in *Input) {
	v := in.Profile.RTT
	if in.Event.Network.RTT == 0 || v.N == 0 {
		return
	}
	mean, sd := v.Stats()
	z := (LogRTT(in.Event) - mean) / sd
	n := float64(v.N)
	s.RTT = RTT{Known: true, Z: z, Nats: n / (n + 5) * numeric.Clip(0.5*(math.Abs(z)-2), 0, 1.5)}
}

// LogRTT is the logarithm of the round trip in milliseconds, as profiles keep it.
func LogRTT(ev *event.Event) float64 { return math.Log1p(float64(ev.Network.RTT)) }
