package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

// Failures says what failed before, for this user and around this address.
type Failures struct {
	// Here counts recent failed logins of the user from the same prefix, Elsewhere from others. Half life 40 minutes.
	Here, Elsewhere float64
	// Nats of the user's failures before this event.
	Nats float64
	// Crowd is the evidence that the address tries many accounts, nats.
	Crowd float64
	// FailedUsers, Users and Failures of the address in the last hour.
	FailedUsers, Users, Failures uint32
}

func (s *Set) failures(in *Input) {
	f := &s.Failures
	source := s.Context.Network[2]
	for i := range in.Profile.Failures {
		e := &in.Profile.Failures[i]
		if e.Source == source {
			f.Here += e.Now(s.now)
		} else {
			f.Elsewhere += e.Now(s.now)
		}
	}
	own := 1 / (1 + 0.5*s.Network.PrefixSeen) // people mistype at home; guessing from there is rare
	if f.Here > 2 {
		f.Nats = 2 * numeric.Log(f.Here-1) * own
	}
	if f.Elsewhere > 3 && s.Network.PrefixSeen == 0 {
		f.Nats += min(1, 0.4*numeric.Log(f.Elsewhere/2))
	}
	f.Nats = min(f.Nats, 5.5)

	c := &in.Event.Crowd
	f.FailedUsers, f.Users, f.Failures = c.IPFailedUsers, c.IPUsers, c.IPFailures
	failed := float64(c.IPFailedUsers)
	if failed < 3 {
		return
	}
	share := 1.0 // an office or carrier has many users and few of them fail
	if users := max(float64(c.IPUsers), failed); users > 0 {
		share = min(1, failed/users/0.5)
	}
	f.Crowd = min(5.5, 1.6*numeric.Log(failed/1.5)*share) / (1 + 0.5*s.Network.AddressSeen)
}
