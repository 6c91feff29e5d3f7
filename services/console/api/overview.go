package api

import (
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// Bucket is one step of a series.
type Bucket struct {
	T         Moment `json:"t"`
	Decisions uint64 `json:"decisions"`
	StepUps   uint64 `json:"stepUps"`
	Denies    uint64 `json:"denies"`
}

// Funnel counts challenges by where they stand.
type Funnel struct {
	Raised    uint64 `json:"raised"`
	Open      uint64 `json:"open"`
	Satisfied uint64 `json:"satisfied"`
	Denied    uint64 `json:"denied"`
	Expired   uint64 `json:"expired"`
	Cancelled uint64 `json:"cancelled"`
}

// Overview is what happened in a window of riskd's clock.
type Overview struct {
	Since     Moment  `json:"since"`
	Until     Moment  `json:"until"`
	Decisions uint64  `json:"decisions"`
	StepUps   uint64  `json:"stepUps"`
	Denies    uint64  `json:"denies"`
	Medium    uint64  `json:"medium"`
	High      uint64  `json:"high"`
	Users     uint64  `json:"users"`
	Sessions  uint64  `json:"sessions"`
	PerMinute float64 `json:"perMinute"`
	// Accepted = Scored + Duplicate + Late + Dead, of all tenants.
	Accepted  uint64            `json:"accepted"`
	Scored    uint64            `json:"scored"`
	Duplicate uint64            `json:"duplicate"`
	Late      uint64            `json:"late"`
	Dead      uint64            `json:"dead"`
	Funnel    Funnel            `json:"funnel"`
	Receipts  map[string]uint64 `json:"receipts"`
	// Latency from broker to commit at 50, 95 and 99 %, milliseconds.
	Latency     []float64 `json:"latencyMs"`
	LastDecided Moment    `json:"lastDecided"`
	Series      []Bucket  `json:"series"`
	StepSeconds float64   `json:"stepSeconds"`
}

// NewOverview is an overview.
func NewOverview(o *story.Overview) Overview {
	out := Overview{Since: Moment(o.Since), Until: Moment(o.Until), Decisions: o.Decisions, StepUps: o.StepUps, Denies: o.Denies, Medium: o.Medium, High: o.High,
		Users: o.Users, Sessions: o.Sessions, PerMinute: o.PerMinute(), Accepted: o.Accepted, Scored: o.Scored, Duplicate: o.Duplicate, Late: o.Late, Dead: o.Dead,
		Funnel: Funnel(o.Funnel), Receipts: o.Receipts, LastDecided: Moment(o.LastDecided), StepSeconds: o.Step.Seconds(),
		Series: each(o.Series, func(b *story.Bucket) Bucket {
			return Bucket{T: Moment(b.T), Decisions: b.Decisions, StepUps: b.StepUps, Denies: b.Denies}
		})}
	for _, d := range o.Latency {
		out.Latency = append(out.Latency, millis(d))
	}
	if out.Receipts == nil {
		out.Receipts = map[string]uint64{}
	}
	return out
}

// TopUser is a user to look at first.
type TopUser struct {
	Tenant    string   `json:"tenant"`
	User      string   `json:"user"`
	Decisions uint64   `json:"decisions"`
	Asked     uint64   `json:"asked"`
	Denied    uint64   `json:"denied"`
	Worst     float64  `json:"worst"`
	Last      Moment   `json:"last"`
	Countries []string `json:"countries"`
}

// Home is the overview page.
type Home struct {
	Overview   Overview    `json:"overview"`
	Challenges []Challenge `json:"challenges"`
	Users      []TopUser   `json:"users"`
	Tenants    []string    `json:"tenants"`
	AsOf       Moment      `json:"asOf"`
}

// Live is the feed: the latest decisions, newest first.
type Live struct {
	Rows []Row `json:"rows"`
	// LastDecided is the newest decision that is persisted, whatever the filter; null when there is none.
	LastDecided Moment   `json:"lastDecided"`
	Tenants     []string `json:"tenants"`
	AsOf        Moment   `json:"asOf"`
}

// NewTopUsers are users to look at first.
func NewTopUsers(us []story.TopUser) []TopUser {
	return each(us, func(u *story.TopUser) TopUser {
		return TopUser{Tenant: u.Tenant, User: u.User, Decisions: u.Decisions, Asked: u.Asked, Denied: u.Denied, Worst: u.Worst, Last: Moment(u.Last), Countries: list(u.Countries)}
	})
}

// Challenges are challenges in words.
func Challenges(cs []story.Challenge) []Challenge { return each(cs, NewChallenge) }

// When is a moment for the wire.
func When(t time.Time) Moment { return Moment(t) }

// Tick is one message of the live stream: what is new since the one before, newest first.
type Tick struct {
	Rows []Row `json:"rows"`
	// LastDecided is the newest decision that is persisted.
	LastDecided Moment `json:"lastDecided"`
	AsOf        Moment `json:"asOf"`
}
