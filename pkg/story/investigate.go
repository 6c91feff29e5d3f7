package story

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Seen is a user who was seen with an address, a device or a provider's network.
type Seen struct {
	Tenant, User                            string
	Decisions, Sessions, Devices, Addresses uint64
	Worst                                   float64
	StepUps, Denies, Failures               uint64
	First, Last                             time.Time
	LastSession                             string
}

// SeenWith lists who was seen with a value of a kind (ip, device or asn) since a moment of event time, the riskiest
// first. An empty tenant takes all. A value that cannot be of its kind is an ErrParameter.
func (r *Reader) SeenWith(ctx context.Context, kind, value, tenant string, since time.Time, max int) ([]Seen, error) {
	a := args{"tenant": tenant, "since": since, "limit": limit(max)}
	switch kind {
	case "ip":
		ip, err := netip.ParseAddr(value)
		if err != nil || ip.Zone() != "" {
			return nil, fmt.Errorf("%w: %q is no IP address", ErrParameter, value)
		}
		a["ip"] = ip.String()
	case "device":
		a["device"] = value
	case "asn":
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no number of a network", ErrParameter, value)
		}
		a["asn"] = uint32(n)
	default:
		return nil, fmt.Errorf("%w: nothing is looked up by %q", ErrParameter, kind)
	}
	var out []Seen
	err := r.ask(ctx, "users_of_"+kind, a, func(rows driver.Rows) error {
		var s Seen
		err := rows.Scan(&s.Tenant, &s.User, &s.Decisions, &s.Sessions, &s.Devices, &s.Addresses, &s.Worst, &s.StepUps, &s.Denies, &s.Failures, &s.First, &s.Last, &s.LastSession)
		out = append(out, s)
		return err
	})
	return out, err
}

// CauseFunnel is what became of the challenges of one cause.
type CauseFunnel struct {
	Cause                                                     string
	Asked, Shown, Satisfied, Denied, Expired, Cancelled, Open uint64
	FailedAttempts                                            uint64
	// ToAnswer is the median of those that were satisfied, 0 when none was.
	ToAnswer time.Duration
}

// Week is how often honest users were asked in a week of event time.
type Week struct {
	Monday                      time.Time
	ActiveUsers, AskedUsers     uint64
	Challenges, Honest, MostOne uint64
	PerUser                     float64
}

// Asked is a user by how often they were asked.
type Asked struct {
	Tenant, User                      string
	Asked, Satisfied, Denied, Expired uint64
	Last                              time.Time
}

// Gap is where a flag did not hold: let_through, fail_open, stale or no_receipt.
type Gap struct {
	Kind, Tenant, Challenge, User, Session string
	At                                     time.Time
	Event, What                            string
}

// Fatigue is how step-ups treat users, and where they do not hold.
type Fatigue struct {
	Causes []CauseFunnel
	Weeks  []Week
	Most   []Asked
	Gaps   []Gap
}

// gapMinutes is how long an app may take to report a flag.
const gapMinutes = 10

// Fatigue tells funnel, fatigue and gaps since a moment of riskd's clock; weeks of event time go back to the Monday of
// weeks.
func (r *Reader) Fatigue(ctx context.Context, tenant string, since, weeks, now time.Time) (Fatigue, error) {
	var f Fatigue
	a := args{"tenant": tenant, "since": since, "until": now, "minutes": uint32(gapMinutes), "limit": limit(50)}
	err := r.ask(ctx, "funnel", args{"tenant": tenant, "since": since}, func(rows driver.Rows) error {
		var c CauseFunnel
		var seconds float64
		err := rows.Scan(&c.Cause, &c.Asked, &c.Shown, &c.Satisfied, &c.Denied, &c.Expired, &c.Cancelled, &c.Open, &c.FailedAttempts, &seconds)
		c.ToAnswer = time.Duration(seconds * float64(time.Second))
		f.Causes = append(f.Causes, c)
		return err
	})
	err2 := r.ask(ctx, "prompts_per_user", args{"tenant": tenant, "since": weeks}, func(rows driver.Rows) error {
		var w Week
		err := rows.Scan(&w.Monday, &w.ActiveUsers, &w.AskedUsers, &w.Challenges, &w.Honest, &w.PerUser, &w.MostOne)
		f.Weeks = append(f.Weeks, w)
		return err
	})
	err3 := r.ask(ctx, "most_asked", a, func(rows driver.Rows) error {
		var u Asked
		err := rows.Scan(&u.Tenant, &u.User, &u.Asked, &u.Satisfied, &u.Denied, &u.Expired, &u.Last)
		f.Most = append(f.Most, u)
		return err
	})
	err4 := r.ask(ctx, "enforcement_gaps", a, func(rows driver.Rows) error {
		var g Gap
		err := rows.Scan(&g.Kind, &g.Tenant, &g.Challenge, &g.User, &g.Session, &g.At, &g.Event, &g.What)
		f.Gaps = append(f.Gaps, g)
		return err
	})
	return f, errors.Join(err, err2, err3, err4)
}
