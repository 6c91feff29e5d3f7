package score

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/feature"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Half lives of evidence that a session keeps after the event that gave it.
const (
	heldHalfLife     = event.Millis(12 * 60 * 60 * 1000)
	activityHalfLife = event.Millis(30 * 60 * 1000)
)

// Caps of the families, nats.
const (
	capNetwork  = 3.2
	capLone     = 4 // of a new country, where neither a browser nor a device can be seen
	capAgent    = 5
	capToken    = 3.5
	capActivity = 7.5
	// capFamiliar bounds what familiar surroundings can say for the owner, capImitable the part of it that is
	// easily imitated (browser and hour).
	capFamiliar = 5.5
	capImitable = 1
	// spare is what familiar surroundings may say beyond what is new about them: they explain novelty, not
	// impossible moves or unusual deeds.
	spare = 1
	// within is what the lesser evidence of one family counts: it mostly says the same again.
	within = 0.3
	// tokenCancels is the share of network and agent novelty that a valid device token explains away: new places
	// and browsers on a known device are ordinary. It explains nothing else, as a stolen session carries it too.
	tokenCancels = 0.85
	// vouches is what a valid token says beyond that, while nothing else speaks against the session: no thief of a
	// password has it.
	vouches = 2.5
	// tokenMoved is the evidence of a token that came from another browser than its own.
	tokenMoved = 3
	// activitySlack is how much a session may deviate in all before it counts.
	activitySlack = 1.0
	// knee is where the evidence of one novelty grows more slowly: being new in one respect, however new, is not
	// enough to be asked; being new in two is.
	knee, pastKnee = 2, 0.3
	// drift is what each action may be unusual without consequence.
	drift = 0.3
)

// Fade gives held evidence as of t.
func Fade(h profile.Held, t event.Millis) profile.Held {
	t = profile.Seconds(t)
	if t <= h.At {
		return h
	}
	dt := float64(t - h.At)
	fade := func(m profile.Milli, f float64) profile.Milli { return profile.Milli(numeric.Round(float64(m) * f)) }
	if h.Travel != 0 || h.Switch != 0 || h.Failures != 0 {
		slow := numeric.Exp2(-dt / float64(heldHalfLife))
		h.Travel, h.Switch, h.Failures = fade(h.Travel, slow), fade(h.Switch, slow), fade(h.Failures, slow)
	}
	if h.Activity != 0 {
		h.Activity = fade(h.Activity, numeric.Exp2(-dt/float64(activityHalfLife)))
	}
	h.At = t
	return h
}

// Weigh turns measurements into evidence, together with what the session still holds.
func Weigh(f *feature.Set, held profile.Held, t event.Millis) Evidence {
	e := Evidence{Held: Fade(held, t)}
	h := &e.Held
	h.At = max(h.At, profile.Seconds(t))
	h.Travel = max(h.Travel, Milli(f.Travel.Nats))
	if now := Milli(f.Switch.Nats); now > h.Switch {
		h.Switch = now
	}
	failures, crowd := lesser(f.Failures.Nats, f.Failures.Crowd)
	h.Failures = max(h.Failures, Milli(failures)+Milli(crowd))

	h.Activity = max(0, min(Milli(capActivity), h.Activity+Milli(f.Activity.Nats-drift)))
	if f.Action != 0 {
		h.Again = profile.Milli(numeric.Round(f.Activity.Again))
	}

	e.network(f)
	e.device(f)
	e.activity(f)
	e.dormant(f)
	e.familiar(f)
	h.Network, h.Agent, h.Token = e.NewNetwork+e.Hosting+e.RTT, e.NewAgent+e.Moved, e.Token+e.Shared
	h.KnownDevice, h.Known = e.KnownDevice+e.Vouched, e.KnownNetwork+e.KnownAgent+min(0, e.Hour)
	return e
}

// Holding is the evidence for an event that is not measured: what the session holds, and nothing new.
func Holding(held profile.Held, t event.Millis) Evidence {
	e := Evidence{Held: Fade(held, t)}
	e.Activity = max(0, e.Held.Activity-Milli(activitySlack))
	return e
}

// Evidence is everything that speaks for or against the user, on the grid.
type Evidence struct {
	// Held is what the session keeps: travel, switch, failures and activity include what this event added.
	Held profile.Held

	NewNetwork, Hosting, RTT              profile.Milli
	NewAgent, Token, Moved, Shared        profile.Milli
	KnownNetwork, KnownAgent, KnownDevice profile.Milli
	// Vouched is what a valid device token says beyond explaining novelty away, 0 or less.
	Vouched                 profile.Milli
	Dormant, Hour           profile.Milli
	Activity, Burst, Volume profile.Milli
}

// soft bends what lies past the knee; what is not positive is 0.
func soft(nats, knee float64) float64 {
	if nats <= knee {
		return max(0, nats)
	}
	return knee + pastKnee*(nats-knee)
}

// lesser scales the smaller of two down.
func lesser(a, b float64) (float64, float64) {
	if a >= b {
		return a, b * within
	}
	return a * within, b
}

func (e *Evidence) network(f *feature.Set) {
	// Where the device is new as well, the network's novelty counts in full: it is not the only one.
	other, most := max(f.Device.Nats, f.Agent.Nats), float64(capNetwork)
	if !f.Agent.Known && f.Device.Token == feature.TokenUnknown && f.Network.New == "country" {
		other, most = 1, capLone // nor where nobody could tell: an sshd logs addresses and nothing else
	}
	e.NewNetwork = Milli(min(most, soft(f.Network.Nats, knee+numeric.Clip(other, 0, 1))))
	e.Hosting = Milli(f.Network.Hosting * 0.5)
	e.RTT = Milli(f.RTT.Nats * within)
}

func (e *Evidence) device(f *feature.Set) {
	agent := min(capAgent, soft(f.Agent.Nats, knee))
	token := min(capToken, f.Device.Nats)
	moved := 0.0
	if f.Device.Moved && f.Agent.New != "" && f.Agent.New != "major" {
		moved = tokenMoved
	}
	agent, token = lesser(agent, token)
	if moved > 0 {
		agent *= within
	}
	e.NewAgent, e.Token, e.Moved, e.Shared = Milli(agent), Milli(token), Milli(moved), Milli(f.Device.Shared)
	if f.Device.Token == feature.TokenValid && moved == 0 {
		e.KnownDevice = -Milli(tokenCancels * Nats(e.NewNetwork+e.Hosting+e.RTT+e.NewAgent))
	}
}

func (e *Evidence) activity(f *feature.Set) {
	// The session's sum or its run of one thing, and the lesser of the others scaled.
	a := max(max(0, Nats(e.Held.Activity)-activitySlack), f.Activity.Run)
	burst, volume := f.Activity.Burst, f.Activity.Volume
	switch best := max(a, max(burst, volume)); best {
	case a:
		burst, volume = burst*within, volume*within
	case burst:
		a, volume = a*within, volume*within
	default:
		a, burst = a*within, burst*within
	}
	e.Activity, e.Burst, e.Volume = Milli(a), Milli(burst), Milli(volume)
	hour := max(0, f.Hour.Nats)
	if f.Network.New == "country" {
		hour = 0 // another country has other hours
	}
	e.Hour = Milli(hour)
}

// dormant accounts that come back in new surroundings have mostly changed hands: what was usual has faded, and so
// has the surprise of what is new; this makes up for it.
func (e *Evidence) dormant(f *feature.Set) {
	const quiet = 45 // days
	if new := e.NewNetwork + e.NewAgent + e.Token + e.Moved + e.KnownDevice; new > 500 && f.IdleDays > quiet {
		e.Dormant = Milli(min(2, 0.8*numeric.Log2(f.IdleDays/quiet)))
	}
}

// familiar bounds what speaks for the owner, keeping proportions.
func (e *Evidence) familiar(f *feature.Set) {
	network := min(0, f.Network.Nats)
	agent := min(0, f.Agent.Nats)
	hour := min(0, f.Hour.Nats)
	device := 0.0
	if f.Device.Token == feature.TokenValid && e.Moved == 0 && e.Held.Travel == 0 && e.Held.Switch == 0 && e.Activity == 0 {
		device = -vouches * f.Device.Seen / (f.Device.Seen + 1)
	}
	if sum := agent + hour; sum < -capImitable {
		agent, hour = agent*capImitable/-sum, hour*capImitable/-sum
	}
	// What exceeds novelty and the spare gives way to evidence that familiar surroundings do not explain.
	room := Nats(e.NewNetwork+e.Hosting+e.RTT+e.NewAgent+e.Token+max(0, e.Hour)+e.Held.Failures+e.KnownDevice) + spare
	inexplicable := Nats(e.Held.Travel + e.Held.Switch + e.Activity + e.Burst + e.Volume)
	sum := -(network + agent + hour + device)
	say := min(sum, capFamiliar)
	if say > room {
		say -= min(say-room, inexplicable)
	}
	scale := 1.0
	if sum > say {
		scale = say / sum
	}
	e.KnownNetwork, e.KnownAgent = Milli(network*scale), Milli(agent*scale)
	if hour < 0 {
		e.Hour = Milli(hour * scale)
	}
	e.Vouched = Milli(device * scale)
}

// Novel is how much is new about the surroundings, after what a known device explains.
func (e *Evidence) Novel() profile.Milli {
	return e.NewNetwork + e.Hosting + e.NewAgent + e.Token + e.Moved + e.Dormant + e.Held.Switch + e.Held.Travel + e.KnownDevice
}
