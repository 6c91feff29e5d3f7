package session

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Assurance is the level an event claims: its acr, or what its methods amount to when it names none.
func Assurance(p *policy.Policy, s *event.Session) uint8 {
	if s.ACR != "" {
		return p.LevelOf(s.ACR)
	}
	return Methods(s.AMR)
}

// Methods gives the level of RFC 8176 method references: two kinds of factors are 2, a hardware key with user
// verification is 3.
func Methods(amr []string) uint8 {
	var know, have, are, hardware bool
	for _, m := range amr {
		switch m {
		case "pwd", "pin", "kba":
			know = true
		case "otp", "sms", "tel", "swk", "sc", "push":
			have = true
		case "hwk":
			have, hardware = true, true
		case "fpt", "face", "iris", "retina", "vbm", "bio", "user":
			are = true
		case "mfa":
			know, have = true, true
		}
	}
	switch {
	case hardware && are:
		return 3
	case have && (know || are):
		return 2
	case know || have || are:
		return 1
	}
	return 0
}

// Strength weighs what a proof teaches: 1 for phishing-resistant factors, 0.5 for one-time passwords, 0.25 for
// messages that can be diverted. A higher level without methods counts as one-time passwords do.
func Strength(level uint8, amr []string) float64 {
	best := 0.0
	for _, m := range amr {
		switch m {
		case "hwk", "swk", "sc", "fpt", "face", "user", "bio":
			best = max(best, 1)
		case "otp", "push", "mfa":
			best = max(best, 0.5)
		case "sms", "tel":
			best = max(best, 0.25)
		}
	}
	if best == 0 && level >= 2 {
		best = 0.5
	}
	if level >= 3 {
		best = 1
	}
	return best
}

// Note records the proof an event claims for its session, if it is newer than what is known. A claim with the
// time of a proof that another browser gave is that browser's: a stolen session repeats it. It reports whether
// the proof is new.
func (m Machine) Note(c *Case) bool {
	s, ev := c.Session, c.Event
	level := Assurance(m.Policy, &ev.Session)
	at := ev.Session.AuthTime
	if level < 2 || ev.Outcome == event.Failure || ev.Outcome == event.Denied {
		return false
	}
	if at == 0 {
		if ev.Action != "auth.login" && ev.Action != "auth.mfa" {
			return false
		}
		at = ev.Time
	}
	if at > ev.Time+seconds(m.Policy.Time.Skew) || at <= s.Proof.At {
		return false
	}
	for i := range c.Profile.Sessions {
		o := &c.Profile.Sessions[i]
		if o != s && o.Proof.At == at && !sameBrowser(&o.Proof, c.Context) {
			return false
		}
	}
	// A session that changed its browser cannot bring an older proof along.
	if rt := c.Context.Runtime(); rt != 0 && s.Context.Runtime() != 0 && rt != s.Context.Runtime() && at <= s.Last {
		return false
	}
	s.Proof = profile.Proof{Level: level, At: at, Runtime: c.Context.Runtime(), Device: c.Context.Device}
	return true
}

// Proven tells whether the session has shown proof of a level within an age (seconds), in this context.
func Proven(s *profile.Session, now *profile.Context, level uint8, maxAge uint32, t event.Millis) bool {
	return s.Proof.Level >= level && t-s.Proof.At <= seconds(maxAge) && sameBrowser(&s.Proof, now)
}

// Holds tells whether any proof of the session counts in this context, whatever its age.
func Holds(s *profile.Session, now *profile.Context) bool {
	return s.Proof.Level >= 2 && sameBrowser(&s.Proof, now)
}

// sameBrowser compares what proved with what asks; what is unknown on either side does not tell them apart.
func sameBrowser(p *profile.Proof, now *profile.Context) bool {
	if p.Device != 0 && now.Device != 0 && p.Device != now.Device {
		return false
	}
	rt := now.Runtime()
	return p.Runtime == 0 || rt == 0 || p.Runtime == rt
}
