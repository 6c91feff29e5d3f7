package profile

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

// Now is how many failures still count at t.
func (f *Failure) Now(t event.Millis) float64 {
	dt := t - f.At
	if dt < 0 {
		dt = -dt
	}
	if dt > 40*FailureHalfLife {
		return 0
	}
	return float64(f.Count) * numeric.Exp2(-float64(dt)/float64(FailureHalfLife))
}

// Learn takes a context as the user's own: networks, agent, device and hour, with a share of one
// observation (1 is a proven login).
func (p *Profile) Learn(c *Context, t event.Millis, share float64) {
	network := weigh(share, p.Clock.Scale(t, NetworkHalfLife))
	device := weigh(share, p.Clock.Scale(t, DeviceHalfLife))
	p.Networks.Add(c.Network, network, MaxNetworks)
	p.Agents.Add(c.Agent, device, MaxAgents)
	p.Devices.Add(c.Device, c.Runtime(), device)
	p.Hours.add(t, network)
}

// LearnSighting takes a position as the user's own.
func (p *Profile) LearnSighting(s Sighting, share float64) int {
	return p.LearnPlace(s, weigh(share, p.Clock.Scale(s.At, NetworkHalfLife)))
}

// LearnUnlikelyMove takes a move between two known places as the user's own.
func (p *Profile) LearnUnlikelyMove(a, b int, t event.Millis, share float64) {
	p.LearnMove(a, b, weigh(share, p.Clock.Scale(t, NetworkHalfLife)))
}

// LearnAction takes an action, and that it followed prev, as usual.
func (p *Profile) LearnAction(prev, key uint32, t event.Millis, share float64) {
	p.Actions.Add(prev, key, weigh(share, p.Clock.Scale(t, ActivityHalfLife)))
}
