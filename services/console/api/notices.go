package api

import "github.com/riskd-io/riskd/pkg/story"

// Notices is the page of what rules that only notify have said.
type Notices struct {
	Notices []Notice        `json:"notices"`
	Rules   []NoticesOfRule `json:"rules"`
	Tenants []string        `json:"tenants"`
	AsOf    Moment          `json:"asOf"`
}

// Notice is what one rule said of one event.
type Notice struct {
	// Key is its place in the ledger.
	Key     string `json:"key"`
	Tenant  string `json:"tenant"`
	User    string `json:"user"`
	Session string `json:"session"`
	EventID string `json:"eventId"`
	Time    Moment `json:"time"`
	// Did says what the user did.
	Did    string `json:"did"`
	Rule   string `json:"rule"`
	Policy string `json:"policy"`
	// Words are the rule's for analysts; empty when it has none.
	Words    string  `json:"words"`
	Risk     float64 `json:"risk"`
	Decision string  `json:"decision"`
}

// NoticesOfRule is how often a rule spoke, and about how many users.
type NoticesOfRule struct {
	Rule    string `json:"rule"`
	Notices uint64 `json:"notices"`
	Users   uint64 `json:"users"`
	Last    Moment `json:"last"`
}

// NewNotices are notices in words.
func NewNotices(ns []story.Notice, rules []story.NoticesOfRule) Notices {
	return Notices{
		Notices: each(ns, func(n *story.Notice) Notice {
			return Notice{Key: n.ID, Tenant: n.Tenant, User: n.User, Session: n.Session, EventID: n.EventID, Time: Moment(n.Time), Did: n.Did(), Rule: n.Rule, Policy: n.Policy,
				Words: n.ReasonAnalyst, Risk: n.Risk, Decision: n.Decision}
		}),
		Rules: each(rules, func(r *story.NoticesOfRule) NoticesOfRule {
			return NoticesOfRule{r.Rule, r.Notices, r.Users, Moment(r.Last)}
		}),
	}
}
