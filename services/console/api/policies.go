package api

import (
	"math"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/story"
)

// Policies is what there is of policies, and what was done with them, the newest first.
type Policies struct {
	Versions  []PolicyVersion `json:"versions"`
	Changes   []PolicyChange  `json:"changes"`
	TwoPerson bool            `json:"twoPerson"`
	Revision  uint64          `json:"revision"`
	Tried     []Rule          `json:"tried"`
	AsOf      Moment          `json:"asOf"`
}

// PolicyVersion is one stored policy; Share is what it judges of its tenant's users, percent.
type PolicyVersion struct {
	Tenant   string  `json:"tenant"`
	Version  string  `json:"version"`
	Author   string  `json:"author"`
	Reason   string  `json:"reason"`
	Evidence string  `json:"evidence"`
	PushedAt Moment  `json:"pushedAt"`
	Approver string  `json:"approver"`
	Share    float64 `json:"share"`
}

// PolicyChange is one entry of the log.
type PolicyChange struct {
	N       uint64  `json:"n"`
	Kind    string  `json:"kind"`
	At      Moment  `json:"at"`
	Author  string  `json:"author"`
	Reason  string  `json:"reason"`
	Tenant  string  `json:"tenant"`
	Version string  `json:"version"`
	Share   float64 `json:"share"`
}

// maxChanges is how many entries a page shows.
const maxChanges = 100

// NewPolicies words a state.
func NewPolicies(s *policylog.State, hits []story.RuleHits, now time.Time) Policies {
	p := Policies{TwoPerson: s.TwoPerson, Revision: s.Revision, Versions: []PolicyVersion{}, Changes: []PolicyChange{}, Tried: []Rule{}, AsOf: When(now)}
	for _, v := range s.Versions() {
		share := 0.0
		if a := s.Active(v.Tenant); a != nil {
			switch {
			case a.Version == v.Version:
				share = a.Share
			case a.Rest == v.Version && a.Share < 100:
				share = 100 - a.Share
			}
		}
		p.Versions = append(p.Versions, PolicyVersion{v.Tenant, v.Version, v.Author, v.Reason, v.Evidence, When(v.PushedAt), v.Approver, share})
	}
	for i := len(s.Changes) - 1; i >= 0 && len(p.Changes) < maxChanges; i-- {
		c := &s.Changes[i]
		p.Changes = append(p.Changes, PolicyChange{c.N, string(c.Kind), When(c.At), c.Author, c.Reason, c.Tenant, c.Version, c.Share})
	}
	for _, r := range NewRules(hits) {
		if r.Tried {
			p.Tried = append(p.Tried, r)
		}
	}
	return p
}

// PolicyText is one version and how it differs from another.
type PolicyText struct {
	Tenant  string `json:"tenant"`
	Version string `json:"version"`
	Text    string `json:"text"`
	// Against is what it is compared with; empty: nothing, and no lines.
	Against string     `json:"against"`
	Lines   []DiffLine `json:"lines"`
}

// DiffLine is one line: kind is "same", "old" or "new".
type DiffLine struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// NewDiff words a difference.
func NewDiff(lines []policylog.Line) []DiffLine {
	kinds := map[byte]string{' ': "same", '-': "old", '+': "new"}
	return each(lines, func(l *policylog.Line) DiffLine { return DiffLine{kinds[l.Kind], l.Text} })
}

// PolicyDeed is what somebody does with policies: push (Text), approve, activate (Share) or rollback.
type PolicyDeed struct {
	Do      string  `json:"do"`
	Tenant  string  `json:"tenant"`
	Version string  `json:"version"`
	Text    string  `json:"text"`
	Share   float64 `json:"share"`
	Reason  string  `json:"reason"`
}

// Trial asks for a backtest: a policy's text, with numbers set by their keys, over history.
type Trial struct {
	Text   string             `json:"text"`
	Values map[string]float64 `json:"values"`
	// From and To are days, 2026-11-01; empty is open.
	From string `json:"from"`
	To   string `json:"to"`
	// Source of history: clickhouse, which is also meant by nothing, or journal.
	Source string `json:"source"`
}

// Trying is how far the latest backtest is, and what came of it.
type Trying struct {
	// State is none, running, done or failed.
	State   string  `json:"state"`
	By      string  `json:"by"`
	Started Moment  `json:"started"`
	Events  int64   `json:"events"`
	Problem string  `json:"problem"`
	Report  *Report `json:"report"`
	// Text is the policy that was tried, numbers set.
	Text string `json:"text"`
}

// Report is what a policy would change. Pairs are the live policy's figure and the new one's.
type Report struct {
	Events      int64       `json:"events"`
	Users       int64       `json:"users"`
	Seconds     float64     `json:"seconds"`
	Recorded    int64       `json:"recorded"`
	Reproduced  int64       `json:"reproduced"`
	Live        Side        `json:"live"`
	New         Side        `json:"new"`
	Rules       []TrialRule `json:"rules"`
	Changed     []Turned    `json:"changed"`
	Newly       []Differs   `json:"newly"`
	NoLonger    []Differs   `json:"noLonger"`
	Missed      []Differs   `json:"missed"`
	CountNewly  int64       `json:"countNewly"`
	CountLess   int64       `json:"countLess"`
	Caught      int64       `json:"caught"`
	CountMissed int64       `json:"countMissed"`
	Assumed     int64       `json:"assumed"`
}

// Side is one policy's figures.
type Side struct {
	Prompts        int64   `json:"prompts"`
	PerUserAndWeek float64 `json:"perUserAndWeek"`
	Users          int64   `json:"users"`
	Sessions       int64   `json:"sessions"`
}

// TrialRule is what one rule did, under the live policy and the new one.
type TrialRule struct {
	Rule        string `json:"rule"`
	LivePrompts int64  `json:"livePrompts"`
	NewPrompts  int64  `json:"newPrompts"`
	LiveDenials int64  `json:"liveDenials"`
	NewDenials  int64  `json:"newDenials"`
	NewShadow   int64  `json:"newShadow"`
}

// Turned is how many events get another action.
type Turned struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Events int64  `json:"events"`
}

// Differs is one session that is questioned under one policy only.
type Differs struct {
	Tenant  string  `json:"tenant"`
	User    string  `json:"user"`
	Session string  `json:"session"`
	Event   string  `json:"event"`
	At      Moment  `json:"at"`
	Risk    float64 `json:"risk"`
	Rule    string  `json:"rule"`
}

// NewReport words a backtest.
func NewReport(r *backtest.Report) *Report {
	out := &Report{
		Events: int64(r.Events), Users: int64(r.Users), Seconds: r.Took.Seconds(), Recorded: int64(r.Recorded), Reproduced: int64(r.Same),
		CountNewly: int64(r.CountNewly), CountLess: int64(r.CountNoLonger), Caught: int64(r.Caught), CountMissed: int64(r.Missed), Assumed: int64(r.Assumed),
		Newly: each(r.NewlyAsked, differs), NoLonger: each(r.NoLongerAsked, differs), Missed: each(r.MissedSessions, differs),
		Rules: []TrialRule{}, Changed: []Turned{},
	}
	for i, s := range []*Side{&out.Live, &out.New} {
		*s = Side{int64(r.Prompts[i]), r.PromptsPerUserWeek[i], int64(r.UsersPrompted[i]), int64(r.Sessions[i])}
	}
	for _, name := range r.RuleNames() {
		c := r.Rules[name]
		out.Rules = append(out.Rules, TrialRule{name, int64(c.Prompts[0]), int64(c.Prompts[1]), int64(c.Denials[0]), int64(c.Denials[1]), int64(c.Shadow[1])})
	}
	for _, t := range r.Turns() {
		out.Changed = append(out.Changed, Turned{string(t[0]), string(t[1]), int64(r.Changed[t])})
	}
	return out
}

func differs(c *backtest.Case) Differs {
	return Differs{c.Tenant, c.User, c.Session, c.Event, When(c.Time), c.Risk, c.Rule}
}

// Calibration is the reliability curve.
type Calibration struct {
	Steps   []CalibrationStep `json:"steps"`
	Tenants []string          `json:"tenants"`
	AsOf    Moment            `json:"asOf"`
}

// CalibrationStep is what the risk said, and what was; percent. Low and High are where the true share lies with 95 % confidence.
type CalibrationStep struct {
	From        int64   `json:"from"`
	Known       int64   `json:"known"`
	Attacks     int64   `json:"attacks"`
	Said        float64 `json:"said"`
	Was         float64 `json:"was"`
	Low         float64 `json:"low"`
	High        float64 `json:"high"`
	ByChallenge int64   `json:"byChallenge"`
	ByLabel     int64   `json:"byLabel"`
}

// NewCalibration words the steps.
func NewCalibration(steps []story.Calibration) []CalibrationStep {
	return each(steps, func(c *story.Calibration) CalibrationStep {
		low, high := wilson(float64(c.Attacks), float64(c.Known))
		return CalibrationStep{int64(c.From), int64(c.Known), int64(c.Attacks), c.Said, c.Was, low, high, int64(c.ByChallenge), int64(c.ByLabel)}
	})
}

// wilson is Wilson's interval of 95 % for a share of k in n, percent: it holds for few, and for none or all of them, too.
func wilson(k, n float64) (low, high float64) {
	const z = 1.96
	if n == 0 {
		return 0, 100
	}
	p, d := k/n, 1+z*z/n
	middle, half := (p+z*z/(2*n))/d, z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))/d
	return max(0, 100*(middle-half)), min(100, 100*(middle+half))
}
