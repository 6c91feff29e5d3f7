package session

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// asksFrom is the risk from which a session is asked: the threshold, and a little more for one that has passed a challenge
// in this browser, so that risk about the threshold does not ask it again and again.
func (m Machine) asksFrom(c *Case) float64 {
	at, s := m.Policy.StepUpAt(c.Event), c.Session
	if s.Challenge.ID != "" && !s.Open() && Holds(s, c.Context) {
		at = min(at+m.Policy.Friction.Hysteresis, max(at, m.Policy.Thresholds.Severe))
	}
	return at
}

// counted is what the adaptive threshold knows of a session, as decisions give it: the highest risk of one that is not
// under question.
func counted(s *profile.Session) uint32 {
	if s.Peak == 0 || s.Open() {
		return 0
	}
	return uint32(s.Peak) + 1
}

// begin remembers what was counted before the event.
func (m Machine) begin(c *Case) {
	if m.adapts(c) {
		c.counted = counted(c.Session)
	}
}

// adapts tells whether an event may move an adaptive threshold. Guesses of others and machines say nothing about whom to ask.
func (m Machine) adapts(c *Case) bool {
	return m.Policy.Thresholds.Adaptive.Rate > 0 && !outside(c.Event) && c.Event.User.Kind == event.Person
}

// passed counts what a session had reached before it was proven to be its owner's.
func (m Machine) passed(c *Case) {
	if m.adapts(c) {
		c.Decision.PeakTo = uint32(c.Session.Peak) + 1
	}
}

// tell writes into the decision what the event changes of that.
func (m Machine) tell(c *Case) {
	if d := c.Decision; m.adapts(c) && d.PeakTo == 0 {
		if now := counted(c.Session); now != c.counted {
			d.PeakFrom, d.PeakTo = c.counted, now
		}
	}
}
