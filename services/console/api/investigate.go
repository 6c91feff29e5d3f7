package api

import "github.com/riskd-io/riskd/pkg/story"

// Seen is a user who was seen with an address, a device or a network.
type Seen struct {
	Tenant      string  `json:"tenant"`
	User        string  `json:"user"`
	Decisions   uint64  `json:"decisions"`
	Sessions    uint64  `json:"sessions"`
	Devices     uint64  `json:"devices"`
	Addresses   uint64  `json:"addresses"`
	Worst       float64 `json:"worst"`
	StepUps     uint64  `json:"stepUps"`
	Denies      uint64  `json:"denies"`
	Failures    uint64  `json:"failures"`
	First       Moment  `json:"first"`
	Last        Moment  `json:"last"`
	LastSession string  `json:"lastSession"`
}

// Investigation is who shares something.
type Investigation struct {
	By      string   `json:"by"`
	Value   string   `json:"value"`
	Seen    []Seen   `json:"seen"`
	Tenants []string `json:"tenants"`
	AsOf    Moment   `json:"asOf"`
}

// NewSeen are users seen with something.
func NewSeen(ss []story.Seen) []Seen {
	return each(ss, func(s *story.Seen) Seen {
		return Seen{Tenant: s.Tenant, User: s.User, Decisions: s.Decisions, Sessions: s.Sessions, Devices: s.Devices, Addresses: s.Addresses, Worst: s.Worst,
			StepUps: s.StepUps, Denies: s.Denies, Failures: s.Failures, First: Moment(s.First), Last: Moment(s.Last), LastSession: s.LastSession}
	})
}

// Found is something of a looked-for name. Kind is user, session, event or challenge; ID is a session's for a challenge.
type Found struct {
	Kind   string `json:"kind"`
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
	Last   Moment `json:"last"`
	Rows   uint64 `json:"rows"`
}

// NewFound are things found.
func NewFound(fs []story.Found) []Found {
	return each(fs, func(f *story.Found) Found {
		return Found{Kind: f.Kind, Tenant: f.Tenant, ID: f.ID, Last: Moment(f.Last), Rows: f.Rows}
	})
}

// Rule is how often a rule of the policy, or a part of the evidence, applied.
type Rule struct {
	Rule  string `json:"rule"`
	Words string `json:"words"`
	// Tried is whether it is only tried (shadow), and changes nothing.
	Tried     bool    `json:"tried"`
	Decisions uint64  `json:"decisions"`
	Users     uint64  `json:"users"`
	Sessions  uint64  `json:"sessions"`
	StepUps   uint64  `json:"stepUps"`
	Denies    uint64  `json:"denies"`
	MeanRisk  float64 `json:"meanRisk"`
	Last      Moment  `json:"last"`
}

// Evidence is how often a part of the risk counted.
type Evidence struct {
	Code     string  `json:"code"`
	Title    string  `json:"title"`
	Hits     uint64  `json:"hits"`
	StepUps  uint64  `json:"stepUps"`
	Denies   uint64  `json:"denies"`
	MeanNats float64 `json:"meanNats"`
	MaxNats  float64 `json:"maxNats"`
}

// Rules is the page of rules and evidence.
type Rules struct {
	Rules    []Rule     `json:"rules"`
	Evidence []Evidence `json:"evidence"`
	Tenants  []string   `json:"tenants"`
	AsOf     Moment     `json:"asOf"`
}

// NewRules are rules by hits.
func NewRules(rs []story.RuleHits) []Rule {
	return each(rs, func(r *story.RuleHits) Rule {
		return Rule{Rule: r.Rule, Words: story.Rule(r.Rule), Tried: r.Tried, Decisions: r.Decisions, Users: r.Users, Sessions: r.Sessions, StepUps: r.StepUps, Denies: r.Denies, MeanRisk: r.MeanRisk, Last: Moment(r.Last)}
	})
}

// NewEvidence are parts by hits.
func NewEvidence(es []story.EvidenceHits) []Evidence {
	return each(es, func(e *story.EvidenceHits) Evidence {
		return Evidence{Code: e.Code, Title: story.Title(e.Code), Hits: e.Hits, StepUps: e.StepUps, Denies: e.Denies, MeanNats: e.MeanNats, MaxNats: e.MaxNats}
	})
}
