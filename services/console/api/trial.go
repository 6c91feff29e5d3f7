package api

import "github.com/riskd-io/riskd/pkg/backtest"

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
