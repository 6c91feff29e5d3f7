package story

import (
	"context"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Overview is what happened since a moment of riskd's own clock.
type Overview struct {
	Since, Until time.Time
	Tenant       string
	// Decisions made, of those StepUps and Denies, of those Medium and High risk.
	Decisions, StepUps, Denies, Medium, High uint64
	Users, Sessions                          uint64
	// Input of all tenants: Accepted = Scored + Duplicate + Late + Dead.
	Accepted, Scored, Duplicate, Late, Dead uint64
	// Funnel of the challenges raised since then, by where they stand.
	Funnel Funnel
	// Receipts of apps by result, and Results of step-ups by kind.
	Receipts, Results map[string]uint64
	// Latency from broker to commit at 50, 95 and 99 %.
	Latency [3]time.Duration
	// LastDecided is the newest decision that is persisted; zero when there is none since.
	LastDecided time.Time
	// Series of equal steps, oldest first, quiet ones included.
	Series []Bucket
	Step   time.Duration
}

// Funnel counts challenges by where they stand.
type Funnel struct{ Raised, Open, Satisfied, Denied, Expired, Cancelled uint64 }

// Bucket is one step of a series.
type Bucket struct {
	T                          time.Time
	Decisions, StepUps, Denies uint64
}

// PerMinute is the mean rate of decisions of the whole time.
func (o Overview) PerMinute() float64 {
	m := o.Until.Sub(o.Since).Minutes()
	if m <= 0 {
		return 0
	}
	return float64(o.Decisions) / m
}

// seriesSteps is about how many steps a series has.
const seriesSteps = 60

const fiveMinutes = 5 * time.Minute

// beginning is where a window before now begins. One of a day or more begins with a whole hour: to read the rest of an hour decision by
// decision costs more than a week of sums.
func beginning(window time.Duration, now time.Time) time.Time {
	at := now.Add(-window)
	if window >= 24*time.Hour {
		at = at.Truncate(time.Hour)
	}
	return at
}

// Overview counts what was decided in the time before now, from a whole hour on where that is a day or more. An empty tenant counts all.
func (r *Reader) Overview(ctx context.Context, tenant string, window time.Duration, now time.Time) (Overview, error) {
	o := Overview{Since: beginning(window, now), Until: now, Tenant: tenant, Receipts: map[string]uint64{}, Results: map[string]uint64{}}
	a := args{"since": o.Since, "tenant": tenant}
	o.Step = max(time.Second, (window / seriesSteps).Truncate(time.Second))
	if o.Step >= fiveMinutes { // these are counted beforehand
		o.Step = o.Step.Truncate(fiveMinutes)
	}
	err := together(ctx,
		func(ctx context.Context) error {
			return r.ask(ctx, "overview_decisions", a, func(rows driver.Rows) error {
				var q []float32
				err := rows.Scan(&o.Decisions, &o.StepUps, &o.Denies, &o.Medium, &o.High, &o.Users, &o.Sessions, &q, &o.LastDecided)
				for i := 0; i < len(q) && i < len(o.Latency); i++ {
					if !math.IsNaN(float64(q[i])) {
						o.Latency[i] = time.Duration(float64(q[i]) * float64(time.Millisecond))
					}
				}
				return err
			})
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "overview_ledger", args{"since": o.Since}, func(rows driver.Rows) error {
				var last time.Time
				return rows.Scan(&o.Scored, &o.Duplicate, &o.Late, &o.Dead, &last)
			})
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "overview_funnel", a, func(rows driver.Rows) error {
				var state string
				var n uint64
				err := rows.Scan(&state, &n)
				o.Funnel.add(state, n)
				return err
			})
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "overview_enforcement", a, func(rows driver.Rows) error {
				var kind, result string
				var n uint64
				err := rows.Scan(&kind, &result, &n)
				if kind == "receipt" {
					o.Receipts[result] += n
				} else {
					o.Results[kind] += n
				}
				return err
			})
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "overview_minutes", args{"since": o.Since, "until": now, "tenant": tenant, "step": uint32(o.Step.Seconds())},
				func(rows driver.Rows) error {
					var b Bucket
					err := rows.Scan(&b.T, &b.Decisions, &b.StepUps, &b.Denies)
					o.Series = append(o.Series, b)
					return err
				})
		},
	)
	if o.Decisions == 0 {
		o.LastDecided = time.Time{}
	}
	o.Accepted = o.Scored + o.Duplicate + o.Late + o.Dead
	return o, err
}

func (f *Funnel) add(state string, n uint64) {
	f.Raised += n
	switch state {
	case "required":
		f.Open += n
	case "satisfied":
		f.Satisfied += n
	case "denied":
		f.Denied += n
	case "expired":
		f.Expired += n
	case "cancelled":
		f.Cancelled += n
	}
}

// Tenants are the tenants with decisions, the busiest first.
func (r *Reader) Tenants(ctx context.Context) ([]string, error) {
	var out []string
	err := r.ask(ctx, "tenants", args{"limit": uint32(200)}, func(rows driver.Rows) error {
		var tenant string
		var n uint64
		err := rows.Scan(&tenant, &n)
		out = append(out, tenant)
		return err
	})
	return out, err
}
