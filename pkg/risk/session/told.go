package session

import (
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// Told remembers what a user's sessions owed before a step. A step that is repeated, to rebuild a profile, may come out
// otherwise than it first did, because the policy or the engine is another one now. But what apps were told cannot be
// unsaid: a flag they see must be one that can be answered, and a session they know as clear must be asked anew. The
// zero value is ready. It is reused, and not safe for concurrent use.
type Told struct {
	n        int
	sessions [profile.MaxSessions]owed
}

// owed is what a session owed.
type owed struct {
	key       uint64
	id        string
	state     profile.State
	since     event.Millis
	challenge profile.Challenge
}

// Save notes what the sessions of p owe now.
func (t *Told) Save(p *profile.Profile) {
	t.n = copyOwed(t.sessions[:], p)
}

func copyOwed(to []owed, p *profile.Profile) int {
	n := 0
	for i := range p.Sessions {
		s := &p.Sessions[i]
		if n < len(to) && (s.State != profile.Clear || s.Challenge.ID != "") {
			to[n] = owed{s.Key, s.ID, s.State, s.Since, s.Challenge}
			n++
		}
	}
	return n
}

// Restore puts the sessions of p back to what they owed at Save, and then to what the signals say that were published
// for the step. What was learned stays, and so does the proof that the step found.
func (t *Told) Restore(p *profile.Profile, published []signal.Signal) {
	for i := range p.Sessions {
		s := &p.Sessions[i]
		o := owed{key: s.Key}
		for _, was := range t.sessions[:t.n] {
			if was.key == s.Key {
				o = was
			}
		}
		s.ID, s.State, s.Since, s.Challenge = o.id, o.state, o.since, o.challenge
	}
	for i := range published {
		obey(p, &published[i])
	}
}

// obey makes a session what a signal says it is.
func obey(p *profile.Profile, sg *signal.Signal) {
	key := profile.Hash64(sg.Session)
	if p.Session(key) < 0 && sg.Session == "u:"+sg.User { // events without a session share one
		key = profile.HashPair("u:", sg.User)
	}
	i := p.Session(key)
	if i < 0 {
		i = p.OpenSession(key, sg.At)
	}
	s := &p.Sessions[i]
	s.ID = profile.Text(sg.Session)
	failures, revoked := uint8(0), revokes(sg.Cause)
	if s.Challenge.ID == sg.ChallengeID {
		failures = s.Challenge.Failures
		revoked = revoked || s.Challenge.Revoked // engines before .9 forgot to say so again
	}
	s.Challenge = profile.Challenge{
		ID: profile.Text(sg.ChallengeID), Revision: sg.Revision, Issued: sg.Issued, Expires: sg.Expires,
		Score: uint16(sg.Score*100 + 0.5), AMR: profile.Text(strings.Join(sg.Require.AMR, " ")), MaxAge: sg.Require.MaxAgeSeconds,
		Failures: failures, AllowOnExpiry: sg.OnExpiry == "allow", Revoked: revoked && sg.State == signal.Denied, Scope: kept(sg.Scope), Rule: profile.Text(sg.Rule),
		Reasons: profile.Text(strings.Join(sg.Reasons, " ")),
	}
	if len(sg.Require.ACR) > 0 {
		s.Challenge.Level = new(policy.Policy).LevelOf(sg.Require.ACR[0]) // signals use the names aal1..aal3
	}
	s.Since = sg.At
	switch sg.State {
	case signal.Required:
		s.State = profile.Required
	case signal.Satisfied:
		s.State = profile.Satisfied
	case signal.Denied:
		s.State = profile.Denied
	case signal.Expired:
		s.State = profile.Expired
		if s.Challenge.AllowOnExpiry {
			s.State, s.Since = profile.Clear, 0
		}
	default:
		s.State = profile.Clear
	}
}

// Same tells whether two steps said the same to apps.
func Same(a, b []signal.Signal) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := &a[i], &b[i]
		if x.ChallengeID != y.ChallengeID || x.Revision != y.Revision || x.State != y.State || x.Session != y.Session ||
			x.Expires != y.Expires || x.OnExpiry != y.OnExpiry || x.Scope != y.Scope || x.Require.MaxAgeSeconds != y.Require.MaxAgeSeconds ||
			strings.Join(x.Require.ACR, " ") != strings.Join(y.Require.ACR, " ") ||
			strings.Join(x.Require.AMR, " ") != strings.Join(y.Require.AMR, " ") {
			return false
		}
	}
	return true
}
