package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Agent says how new the user agent is.
type Agent struct {
	Known bool
	// Nats of the hierarchy, the less the more the user's device tokens have to say.
	Nats float64
	// New is the first level never seen: "class", "os", "browser" or "major".
	New            string
	History, Kinds float64
	// Upgrade tells that only the version is new, and not older than the last one.
	Upgrade bool
}

var (
	agentLevels = [...]string{"class", "os", "browser", "major"}
	agentModel  = ladder{
		strength: [4]float64{0.3, 0.3, 0.3, 3},
		discount: [4]float64{0.3, 0.3, 0.3, 0.5},
		imitated: [4]float64{0.5, 0.4, 0.4, 0.4},
	}
)

func (s *Set) agent(in *Input) {
	a := &s.Agent
	t := &in.Profile.Agents
	shares := in.Baseline.Agents(&s.Context.Agent)
	r := descend(t, &s.Context.Agent, &shares, s.units.device, &agentModel)
	if a.Known = r.depth > 0; !a.Known {
		return
	}
	if r.unseen == 3 && s.upgrade(t, r.node) {
		// The version's own surprise does not count: redo the walk without it.
		path := s.Context.Agent
		path[3] = 0
		r = descend(t, &path, &shares, s.units.device, &agentModel)
		a.Upgrade = true
	}
	a.Nats = r.nats * s.besideToken(in)
	if r.unseen >= 0 {
		a.New, a.History, a.Kinds = agentLevels[r.unseen], r.history, r.kinds
	}
}

// besideToken is what a user agent still says beside device tokens: agents are few and easily copied, so that on an
// account with tokens they say little more than how common they are.
func (s *Set) besideToken(in *Input) float64 {
	with, without, _ := in.Profile.Devices.Mass(1)
	if with == 0 {
		return 1
	}
	history := float64(with) / s.units.device
	share := float64(with) / (float64(with) + float64(without))
	return 1 - agentMuted*share*history/(history+3)
}

// agentMuted is how far tokens silence the user agent.
const agentMuted = 0.7

// upgrade tells whether the version is at least the newest known of the browser at node.
func (s *Set) upgrade(t *profile.Tree, node int) bool {
	newest := uint32(0)
	for i := range t.Nodes {
		if n := &t.Nodes[i]; n.Level == 3 && int(n.Parent) == node {
			newest = max(newest, n.Key)
		}
	}
	return s.Context.Agent[3] >= newest
}

// Token is what a device token says.
type Token uint8

// Token findings.
const (
	// TokenUnknown: none came and the user has none: nothing can be said.
	TokenUnknown Token = iota
	// TokenValid: it is one of the user's.
	TokenValid
	// TokenMissing: none came, though the user has some.
	TokenMissing
	// TokenNew: one came that is not the user's.
	TokenNew
)

var tokenNames = [...]string{"unknown", "valid", "missing", "new"}

// String is the finding's name in details.
func (t Token) String() string { return tokenNames[t] }

// Device says what the device token tells.
type Device struct {
	Token Token
	// Nats of a missing or new token, 0 otherwise.
	Nats float64
	// History is how much was seen with tokens, Kinds how many tokens, present observations.
	History, Kinds float64
	// Seen is how often this token was the user's.
	Seen float64
	// Moved tells that a valid token came from another system or browser than it was proven with:
	// tokens do not move by themselves.
	Moved bool
	// Users is how many other users were seen with the token in the last hour.
	Users uint32
	// Shared is the evidence of a device many users are tried on, nats.
	Shared float64
}

func (s *Set) device(in *Input) {
	d := &s.Device
	ds := in.Profile.Devices
	unit := s.units.device
	one := uint32(max(1, numeric.Round(unit)))
	with, without, kinds := ds.Mass(one)
	d.History, d.Kinds = float64(with)/unit, float64(kinds)/unit
	d.Users = in.Event.Crowd.DeviceUsers
	token := s.Context.Device
	if token != 0 {
		if i := ds.Find(token); i >= 0 {
			d.Token = TokenValid
			d.Seen = float64(ds[i].Weight) / unit
			rt := s.Context.Runtime()
			d.Moved = ds[i].Agent != 0 && rt != 0 && ds[i].Agent != rt
			return
		}
		d.Token = TokenNew
	} else if with > 0 {
		d.Token = TokenMissing
	} else {
		return
	}
	// The chance that the user comes without a known token, learned from the user; k and the discount as in [surprise].
	const k, discount = 0.3, 0.3
	none := float64(without) / unit
	p := (k + discount*d.Kinds + none) / (d.History + none + k)
	if d.History > 0 {
		d.Nats = max(0, -numeric.Log(min(1, p)))
	}
	if d.Token == TokenNew && d.Users >= 3 {
		d.Shared = numeric.Clip(1.5*numeric.Log(float64(d.Users)/1.5), 0, 4)
	}
}
