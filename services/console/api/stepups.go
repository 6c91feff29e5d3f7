package api

import "github.com/riskd-io/riskd/pkg/story"

// StepUps is the page of challenges.
type StepUps struct {
	Challenges []Challenge `json:"challenges"`
	Funnel     Funnel      `json:"funnel"`
	Tenants    []string    `json:"tenants"`
	AsOf       Moment      `json:"asOf"`
}

// CauseFunnel is what became of the challenges of one cause.
type CauseFunnel struct {
	Cause          string `json:"cause"`
	Words          string `json:"words"`
	Asked          uint64 `json:"asked"`
	Shown          uint64 `json:"shown"`
	Satisfied      uint64 `json:"satisfied"`
	Denied         uint64 `json:"denied"`
	Expired        uint64 `json:"expired"`
	Open           uint64 `json:"open"`
	FailedAttempts uint64 `json:"failedAttempts"`
	// ToAnswerMS is the median until it was satisfied; 0 when none was.
	ToAnswerMS float64 `json:"toAnswerMs"`
}

// Week is how often honest users were asked in a week of event time.
type Week struct {
	Monday      Moment  `json:"monday"`
	ActiveUsers uint64  `json:"activeUsers"`
	AskedUsers  uint64  `json:"askedUsers"`
	Challenges  uint64  `json:"challenges"`
	Honest      uint64  `json:"honest"`
	MostOne     uint64  `json:"mostOne"`
	PerUser     float64 `json:"perUser"`
}

// Asked is a user by how often they were asked.
type Asked struct {
	Tenant    string `json:"tenant"`
	User      string `json:"user"`
	Asked     uint64 `json:"asked"`
	Satisfied uint64 `json:"satisfied"`
	Denied    uint64 `json:"denied"`
	Expired   uint64 `json:"expired"`
	Last      Moment `json:"last"`
}

// Gap is where a flag did not hold.
type Gap struct {
	Kind    string `json:"kind"`
	Tenant  string `json:"tenant"`
	User    string `json:"user"`
	Session string `json:"session"`
	At      Moment `json:"at"`
	What    string `json:"what"`
}

// Fatigue is how step-ups treat users, and where they do not hold.
type Fatigue struct {
	Causes  []CauseFunnel `json:"causes"`
	Weeks   []Week        `json:"weeks"`
	Most    []Asked       `json:"most"`
	Gaps    []Gap         `json:"gaps"`
	Tenants []string      `json:"tenants"`
	AsOf    Moment        `json:"asOf"`
}

// NewFatigue is funnel, fatigue and gaps.
func NewFatigue(f *story.Fatigue) Fatigue {
	return Fatigue{
		Causes: each(f.Causes, func(c *story.CauseFunnel) CauseFunnel {
			return CauseFunnel{Cause: c.Cause, Words: story.Cause(c.Cause), Asked: c.Asked, Shown: c.Shown, Satisfied: c.Satisfied, Denied: c.Denied, Expired: c.Expired, Open: c.Open,
				FailedAttempts: c.FailedAttempts, ToAnswerMS: millis(c.ToAnswer)}
		}),
		Weeks: each(f.Weeks, func(w *story.Week) Week {
			return Week{Monday: Moment(w.Monday), ActiveUsers: w.ActiveUsers, AskedUsers: w.AskedUsers, Challenges: w.Challenges, Honest: w.Honest, MostOne: w.MostOne, PerUser: w.PerUser}
		}),
		Most: each(f.Most, func(u *story.Asked) Asked {
			return Asked{Tenant: u.Tenant, User: u.User, Asked: u.Asked, Satisfied: u.Satisfied, Denied: u.Denied, Expired: u.Expired, Last: Moment(u.Last)}
		}),
		Gaps: each(f.Gaps, func(g *story.Gap) Gap {
			return Gap{Kind: g.Kind, Tenant: g.Tenant, User: g.User, Session: g.Session, At: Moment(g.At), What: g.What}
		}),
	}
}
