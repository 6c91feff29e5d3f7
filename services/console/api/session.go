package api

import (
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// Sentence is one line of a story in short.
type Sentence struct {
	Time Moment `json:"time"`
	// Tone is bad, good, warn or "".
	Tone string `json:"tone"`
	Text string `json:"text"`
}

// Signal is one revision of a challenge.
type Signal struct {
	Challenge string `json:"challenge"`
	Revision  uint64 `json:"revision"`
	State     string `json:"state"`
	Time      Moment `json:"time"`
	// Why is the cause in words.
	Why     string   `json:"why"`
	ACR     []string `json:"acr"`
	AMR     []string `json:"amr"`
	Expires Moment   `json:"expires"`
}

// Entry is one event of a session's timeline: a decision, or one that came too late to be scored.
type Entry struct {
	Time     Moment    `json:"time"`
	Decision *Decision `json:"decision"`
	// LateAction, LateReason and LateWhere are of an event beyond the lateness bound.
	LateAction string `json:"lateAction"`
	LateReason string `json:"lateReason"`
	LateWhere  string `json:"lateWhere"`
	// Route, Result and Reason are what an app or a user reported with it.
	Route  string `json:"route"`
	Result string `json:"result"`
	Reason string `json:"reason"`
	// Author is who gave a feedback, with Reason.
	Author  string   `json:"author"`
	Signals []Signal `json:"signals"`
}

// Challenge is one step-up.
type Challenge struct {
	Tenant  string  `json:"tenant"`
	ID      string  `json:"id"`
	User    string  `json:"user"`
	Session string  `json:"session"`
	EventID string  `json:"eventId"`
	Risk    float64 `json:"risk"`
	State   string  `json:"state"`
	// Why it was asked, in a line; Changed and LastWhy are of the last change.
	Why      string `json:"why"`
	Issued   Moment `json:"issued"`
	RaisedAt Moment `json:"raisedAt"`
	Expires  Moment `json:"expires"`
	Changed  Moment `json:"changed"`
	LastWhy  string `json:"lastWhy"`
	Revision uint64 `json:"revision"`
}

// NewChallenge is a challenge in words.
func NewChallenge(c *story.Challenge) Challenge {
	why := story.Cause(c.Cause)
	if c.Decision != nil {
		why = c.Decision.Headline()
	}
	return Challenge{Tenant: c.Tenant, ID: c.ID, User: c.User, Session: c.Session, EventID: c.EventID, Risk: c.Risk, State: c.State, Why: why,
		Issued: Moment(c.Issued), RaisedAt: Moment(c.RaisedAt), Expires: Moment(c.Expires), Changed: Moment(c.Changed), LastWhy: story.Cause(c.LastCause), Revision: c.Revisions}
}

// Summary is a session in one line.
type Summary struct {
	Session   string   `json:"session"`
	User      string   `json:"user"`
	First     Moment   `json:"first"`
	Last      Moment   `json:"last"`
	Decisions uint64   `json:"decisions"`
	Worst     float64  `json:"worst"`
	Level     string   `json:"level"`
	State     string   `json:"state"`
	StepUps   uint64   `json:"stepUps"`
	Denies    uint64   `json:"denies"`
	Countries []string `json:"countries"`
	Addresses uint64   `json:"addresses"`
	With      string   `json:"with"`
	City      string   `json:"city"`
}

func summary(s *story.Summary) Summary {
	return Summary{Session: s.Session, User: s.User, First: Moment(s.First), Last: Moment(s.Last), Decisions: s.Decisions, Worst: s.Worst, Level: s.WorstLevel,
		State: s.State, StepUps: s.StepUps, Denies: s.Denies, Countries: list(s.Countries), Addresses: s.Addresses,
		With: story.With(story.Origin{Browser: s.Browser, OS: s.OS}), City: s.City}
}

// SessionStory is all that happened in a session.
type SessionStory struct {
	Tenant  string     `json:"tenant"`
	Summary Summary    `json:"summary"`
	Short   []Sentence `json:"short"`
	Entries []Entry    `json:"entries"`
	// Left is how many earlier decisions were left out.
	Left       uint64      `json:"left"`
	Challenges []Challenge `json:"challenges"`
	// Telling is the entry that explains most, -1 when there is none.
	Telling int     `json:"telling"`
	Places  []Place `json:"places"`
	Arcs    []Arc   `json:"arcs"`
	AsOf    Moment  `json:"asOf"`
}

// NewSession is a session's story. said is the feedback on it, usual are the user's places, here those of the session.
func NewSession(st *story.SessionStory, said []story.Feedback, here, usual []story.Place, now time.Time) SessionStory {
	out := SessionStory{Tenant: st.Tenant, Summary: summary(&st.Summary), Left: st.Left, Challenges: each(st.Challenges, NewChallenge),
		Telling: telling(st.Entries), AsOf: Moment(now), Places: places(here, usual), Arcs: arcs(st.Entries, here, usual)}
	out.Short = each(st.InShort(), func(s *story.Sentence) Sentence { return Sentence{Time: Moment(s.Time), Tone: s.Tone, Text: s.Text} })
	out.Entries = each(st.Entries, entry)
	for _, f := range said {
		for i := range out.Entries {
			if e := &out.Entries[i]; e.Decision != nil && e.Decision.EventID == f.EventID && e.Decision.EventAction == "feedback."+f.Verdict {
				e.Author, e.Reason = f.Author, f.Reason
			}
		}
	}
	return out
}

func entry(e *story.Entry) Entry {
	out := Entry{Time: Moment(e.Time)}
	if e.Decision != nil {
		d := NewDecision(e.Decision)
		out.Decision = &d
	}
	if l := e.Late; l != nil {
		out.LateAction, out.LateReason, out.LateWhere = l.EventAction, l.Reason, story.Where(l.Origin)
	}
	if x := e.Enforcement; x != nil {
		out.Route, out.Reason = x.Route, x.Reason
		if x.Kind == "receipt" {
			out.Result = x.Result
		}
	}
	out.Signals = each(e.Signals, func(s *story.Signal) Signal {
		return Signal{Challenge: s.Challenge, Revision: s.Revision, State: s.State, Time: Moment(s.Time), Why: story.Cause(s.Cause), ACR: list(s.ACR), AMR: list(s.AMR), Expires: Moment(s.Expires)}
	})
	return out
}

// telling is the entry that explains most: the first that raised a challenge, else the riskiest.
func telling(entries []story.Entry) int {
	best := -1
	for i, e := range entries {
		if e.Decision == nil {
			continue
		}
		for _, sig := range e.Signals {
			if sig.State == "required" && sig.Revision <= 1 {
				return i
			}
		}
		if best < 0 || e.Decision.Risk > entries[best].Decision.Risk {
			best = i
		}
	}
	return best
}
