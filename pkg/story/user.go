package story

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Device is what a user's events came with. An empty ID is "no token".
type Device struct {
	ID, Browser, OS, Class string
	Events, Sessions       uint64
	First, Last            time.Time
}

// UserStory is what is known of a user since a moment.
type UserStory struct {
	Tenant, User, Kind string
	Since              time.Time
	First, Last        time.Time
	Events, Sessions   uint64
	Addresses          uint64
	// Recent sessions, the last one first; Places and Devices the most usual and last first.
	Recent     []Summary
	Places     []Place
	Devices    []Device
	Challenges []Challenge
	// Riskiest decision of each session, highest first.
	Riskiest []Decision
}

// User tells one user's story since a moment of event time. ErrNotFound when nothing is known.
func (r *Reader) User(ctx context.Context, tenant, user string, since time.Time) (UserStory, error) {
	st := UserStory{Tenant: tenant, User: user, Since: since}
	a := args{"tenant": tenant, "user": user, "since": since}
	many := args{"tenant": tenant, "user": user, "since": since, "limit": limit(20)}
	found := false
	err := together(ctx,
		func(ctx context.Context) error {
			return r.ask(ctx, "user_summary", a, func(rows driver.Rows) error {
				found = true
				return rows.Scan(&st.First, &st.Last, &st.Events, &st.Sessions, &st.Addresses, &st.Kind)
			})
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "user_sessions", args{"tenant": tenant, "user": user, "since": since, "limit": limit(50)}, func(rows driver.Rows) error {
				var s Summary
				err := rows.Scan(&s.Session, &s.First, &s.Last, &s.Decisions, &s.Worst, &s.WorstLevel, &s.State, &s.StepUps, &s.Denies, &s.Countries, &s.Addresses,
					&s.Browser, &s.OS, &s.City)
				s.User = user
				st.Recent = append(st.Recent, s)
				return err
			})
		},
		func(ctx context.Context) (err error) {
			st.Places, err = r.places(ctx, "user_places", many)
			return err
		},
		func(ctx context.Context) error {
			return r.ask(ctx, "user_devices", many, func(rows driver.Rows) error {
				var d Device
				err := rows.Scan(&d.ID, &d.Browser, &d.OS, &d.Class, &d.Events, &d.Sessions, &d.First, &d.Last)
				st.Devices = append(st.Devices, d)
				return err
			})
		},
		func(ctx context.Context) (err error) {
			st.Riskiest, err = r.decisions(ctx, "user_riskiest", args{"tenant": tenant, "user": user, "since": since, "limit": limit(8)})
			return err
		},
		func(ctx context.Context) (err error) {
			st.Challenges, err = r.Challenges(ctx, ChallengeFilter{Tenant: tenant, User: user, Since: time.Unix(0, 0), Limit: 20})
			return err
		},
	)
	if err == nil && !found {
		err = fmt.Errorf("user %q of tenant %q: %w", user, tenant, ErrNotFound)
	}
	return st, err
}
