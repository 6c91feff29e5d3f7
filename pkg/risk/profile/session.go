package profile

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// State of a session.
type State uint8

// The states of a session.
const (
	Clear State = iota
	Required
	Satisfied
	Denied
	Expired
)

var stateNames = [...]string{"clear", "required", "satisfied", "denied", "expired"}

// String is the state's name in decisions.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "clear"
}

// Context is what a session runs on, as keys.
type Context struct {
	Network Path // country, ASN, prefix, host
	Agent   Path // class, system, browser, major
	Device  uint64
	Kind    event.NetworkKind
}

// Runtime names class, system and browser: what does not change while a session lasts. 0 is unknown.
func (c *Context) Runtime() uint32 {
	if c.Agent[1] == 0 && c.Agent[2] == 0 {
		return 0
	}
	return Mix32(c.Agent[0]<<24^c.Agent[1], c.Agent[2])
}

// Milli is evidence in thousandths of a nat.
type Milli int32

// Held is evidence a session keeps beyond the event that gave it, as of At.
type Held struct {
	At                                        event.Millis // whole seconds
	Travel, Switch, Failures, Activity        Milli
	Network, Agent, Token, KnownDevice, Known Milli
	// Again is no evidence: how often in a row the session's last action was done once more.
	Again Milli
}

// Proof is the strongest authentication a session has shown.
type Proof struct {
	// Level is 1..3 (aal1..aal3); 0 is none.
	Level uint8
	// At is when the user authenticated, milliseconds.
	At event.Millis
	// Runtime and Device are the context that proved it.
	Runtime uint32
	Device  uint64
}

// Challenge is a session's step-up, open or last closed.
type Challenge struct {
	ID              string
	Revision        uint64
	Issued, Expires event.Millis // milliseconds
	// Score is the risk that raised it, hundredths.
	Score uint16
	// Level wanted, 1..3, methods accepted (space separated, empty: any) and age of the proof in seconds (0: newer than Issued).
	Level  uint8
	AMR    string
	MaxAge uint32
	// Failures counts failed attempts.
	Failures uint8
	// AllowOnExpiry lets the session pass when nobody answered.
	AllowOnExpiry bool
	// Revoked tells of a denied session that apps are to end it, not only to refuse it.
	Revoked bool
	// Scope is what waits for the answer; zero: the whole session.
	Scope signal.Scope
	// Rule that raised it; empty: the threshold.
	Rule string
	// Reasons are part codes, strongest first, space separated.
	Reasons string
}

// Session is one login and what followed.
type Session struct {
	// Key names the session id.
	Key uint64
	// ID is kept from the first challenge on, to be able to signal.
	ID          string
	Start, Last event.Millis // whole seconds
	State       State
	// Since is when State began, milliseconds.
	Since event.Millis
	// Learned tells that what Context and Seen hold has been learned.
	Learned bool
	// Level is that of the last decision: 0 low, 1 medium, 2 high.
	Level uint8
	// Peak is the highest risk since the session was last proven, hundredths.
	Peak uint16

	Context Context
	// Seen is the session's own last place, a candidate only until proven.
	Seen Sighting
	// LastAction names the action before, for sequences.
	LastAction uint32
	// Novel are unusual actions of this session. They are learned when it pauses, not while it goes on: a series
	// of unusual actions must not teach itself.
	Novel     []uint32
	Held      Held
	Proof     Proof
	Challenge Challenge
}

// Open tells whether the session owes something or is shut.
func (s *Session) Open() bool { return s.State == Required || s.State == Denied || s.State == Expired }

// AnyOpen tells whether any session owes something or is shut.
func (p *Profile) AnyOpen() bool {
	for i := range p.Sessions {
		if p.Sessions[i].Open() {
			return true
		}
	}
	return false
}

// Session returns the index of a session, or -1.
func (p *Profile) Session(key uint64) int {
	for i := range p.Sessions {
		if p.Sessions[i].Key == key {
			return i
		}
	}
	return -1
}

// SessionOf returns the index of the session a challenge belongs to, or -1.
func (p *Profile) SessionOf(challenge string) int {
	if challenge == "" {
		return -1
	}
	for i := range p.Sessions {
		if p.Sessions[i].Challenge.ID == challenge {
			return i
		}
	}
	return -1
}

// OpenSession adds a session that began at t; when full, the one idle longest makes room,
// one that owes something only when all do.
func (p *Profile) OpenSession(key uint64, t event.Millis) int {
	if len(p.Sessions) >= MaxSessions {
		p.DropSession(p.Idlest())
	}
	t = Seconds(t)
	var novel []uint32
	if n := len(p.Sessions); n < cap(p.Sessions) { // reuse what a dropped session left behind
		novel = p.Sessions[:n+1][n].Novel[:0]
	}
	p.Sessions = append(p.Sessions, Session{Key: key, Start: t, Last: t, Novel: novel})
	return len(p.Sessions) - 1
}

// DropSession forgets a session.
func (p *Profile) DropSession(i int) {
	novel := p.Sessions[i].Novel[:0]
	p.Sessions = append(p.Sessions[:i], p.Sessions[i+1:]...)
	p.Sessions[:len(p.Sessions)+1][len(p.Sessions)].Novel = novel // its memory is nobody else's now
}

// AddNovel notes an unusual action; ok is false when there is no room for more.
func (s *Session) AddNovel(key uint32) (ok bool) {
	for _, have := range s.Novel {
		if have == key {
			return true
		}
	}
	if len(s.Novel) >= MaxNovel {
		return false
	}
	s.Novel = append(s.Novel, key)
	return true
}

// Idlest is the session to end first: the one idle longest, and of those that owe something only when all do.
func (p *Profile) Idlest() int {
	best := 0
	for i := range p.Sessions {
		s, b := &p.Sessions[i], &p.Sessions[best]
		if s.Open() != b.Open() {
			if b.Open() {
				best = i
			}
		} else if s.Last < b.Last {
			best = i
		}
	}
	return best
}

// Failure counts failed logins from one source.
type Failure struct {
	// Source is the prefix key of the address, 0 when unknown.
	Source uint32
	Count  uint16
	At     event.Millis // whole seconds, of the last
}

// FailureHalfLife is how fast failures are forgotten.
const FailureHalfLife = event.Millis(40 * 60 * 1000)

// LearnFailure counts n failed logins from a source.
func (p *Profile) LearnFailure(source uint32, t event.Millis, n uint32) {
	t = Seconds(t)
	oldest := 0
	for i := range p.Failures {
		f := &p.Failures[i]
		if f.Source == source {
			f.Count = uint16(min(f.Now(t)+float64(n)+0.5, 60000))
			f.At = max(f.At, t)
			return
		}
		if f.At < p.Failures[oldest].At {
			oldest = i
		}
	}
	f := Failure{Source: source, Count: uint16(min(n, 60000)), At: t}
	if len(p.Failures) < MaxFailures {
		p.Failures = append(p.Failures, f)
	} else {
		p.Failures[oldest] = f
	}
}

// Text bounds and copies a text that a profile is to keep.
func Text(s string) string { return cut(s, MaxText) }
