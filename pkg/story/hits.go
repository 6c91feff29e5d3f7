package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// RuleHits is how often a rule of the policy applied; Tried rules changed nothing.
type RuleHits struct {
	Rule                                        string
	Tried                                       bool
	Decisions, Users, Sessions, StepUps, Denies uint64
	MeanRisk                                    float64
	Last                                        time.Time
}

// RuleHits counts the policy's rules since a moment of riskd's clock, the most frequent first. An empty tenant takes all.
func (r *Reader) RuleHits(ctx context.Context, tenant string, since time.Time) ([]RuleHits, error) {
	var out []RuleHits
	err := r.ask(ctx, "rule_hits", args{"tenant": tenant, "since": since}, func(rows driver.Rows) error {
		var h RuleHits
		err := rows.Scan(&h.Rule, &h.Tried, &h.Decisions, &h.Users, &h.Sessions, &h.StepUps, &h.Denies, &h.MeanRisk, &h.Last)
		out = append(out, h)
		return err
	})
	return out, err
}

// EvidenceHits is how often a part of the risk counted, and how strongly.
type EvidenceHits struct {
	Code                  string
	Hits, StepUps, Denies uint64
	MeanNats, MaxNats     float64
}

// EvidenceHits counts what spoke against sessions since a moment of event time, the most frequent first.
func (r *Reader) EvidenceHits(ctx context.Context, tenant string, since time.Time) ([]EvidenceHits, error) {
	var out []EvidenceHits
	err := r.ask(ctx, "evidence", args{"tenant": tenant, "since": since}, func(rows driver.Rows) error {
		var h EvidenceHits
		err := rows.Scan(&h.Code, &h.Hits, &h.StepUps, &h.Denies, &h.MeanNats, &h.MaxNats)
		out = append(out, h)
		return err
	})
	return out, err
}

// TopUser is a user to look at first.
type TopUser struct {
	Tenant, User             string
	Decisions, Asked, Denied uint64
	Worst                    float64
	Last                     time.Time
	Countries                []string
}

// TopUsers are the users to look at first since a day, the riskiest first.
func (r *Reader) TopUsers(ctx context.Context, tenant string, since time.Time, most int) ([]TopUser, error) {
	var out []TopUser
	err := r.ask(ctx, "top_users", args{"tenant": tenant, "since": since, "limit": limit(most)}, func(rows driver.Rows) error {
		var u TopUser
		err := rows.Scan(&u.Tenant, &u.User, &u.Decisions, &u.Asked, &u.Denied, &u.Worst, &u.Last, &u.Countries)
		out = append(out, u)
		return err
	})
	return out, err
}
