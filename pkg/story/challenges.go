package story

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Challenge is one step-up from the first revision to where it stands.
type Challenge struct {
	Tenant, ID, User, Session string
	// EventID is the event that raised it, Cause and Rule why, Reasons the part codes, strongest first.
	EventID, Cause, Rule string
	Reasons              []string
	Risk                 float64
	Issued, Expires      time.Time // event time
	// State now, LastCause of the last change, at event time Changed.
	State, LastCause string
	Changed          time.Time
	Revisions        uint64
	RaisedAt         time.Time // riskd's clock
	// Decision is the one that raised it; nil when it is not there any more.
	Decision *Decision
}

// ChallengeFilter narrows the list; empty values do not filter.
type ChallengeFilter struct {
	Tenant, User, Session string
	// State is where it stands now: required, satisfied, denied, cancelled or expired.
	State string
	// Since, by riskd's clock. Zero: the last 30 days are not looked behind.
	Since time.Time
	Limit int
}

// Challenges lists challenges, newest first, with the decisions that raised them.
func (r *Reader) Challenges(ctx context.Context, f ChallengeFilter) ([]Challenge, error) {
	since := f.Since
	if since.IsZero() {
		since = time.Now().Add(-30 * 24 * time.Hour)
	}
	var out []Challenge
	err := r.ask(ctx, "challenges", args{"since": since, "tenant": f.Tenant, "user": f.User, "session": f.Session, "state": f.State, "limit": limit(f.Limit)},
		func(rows driver.Rows) error {
			var c Challenge
			err := rows.Scan(&c.Tenant, &c.ID, &c.User, &c.Session, &c.EventID, &c.Cause, &c.Rule, &c.Reasons, &c.Risk, &c.Issued, &c.Expires,
				&c.State, &c.LastCause, &c.Changed, &c.Revisions, &c.RaisedAt)
			out = append(out, c)
			return err
		})
	if err != nil || len(out) == 0 {
		return out, err
	}
	return out, r.attach(ctx, out, nil)
}

// challengesOf is what challenges answers of one session, from all revisions of its signals.
func challengesOf(signals []Signal) []Challenge {
	var out []Challenge
	at, last, first := map[string]int{}, map[string]uint64{}, map[string]uint64{}
	for i := range signals {
		s := &signals[i]
		k, ok := at[s.Challenge]
		if !ok {
			k = len(out)
			at[s.Challenge] = k
			out = append(out, Challenge{Tenant: s.Tenant, ID: s.Challenge, User: s.User, Session: s.Session, Issued: s.Issued, Expires: s.Expires, Changed: s.Time, RaisedAt: s.DecidedAt})
		}
		c := &out[k]
		if !ok || s.Revision < first[s.Challenge] {
			first[s.Challenge] = s.Revision
			c.EventID, c.Cause, c.Rule, c.Reasons = s.EventID, s.Cause, s.Rule, s.Reasons
		}
		if !ok || s.Revision > last[s.Challenge] {
			last[s.Challenge] = s.Revision
			c.Risk, c.State, c.LastCause, c.Revisions = s.Risk, s.State, s.Cause, s.Revision
		}
		if s.Time.After(c.Changed) {
			c.Changed = s.Time
		}
		if s.DecidedAt.Before(c.RaisedAt) {
			c.RaisedAt = s.DecidedAt
		}
	}
	slices.SortFunc(out, func(a, b Challenge) int { return cmp.Or(b.RaisedAt.Compare(a.RaisedAt), cmp.Compare(a.ID, b.ID)) })
	return out[:min(len(out), defaultLimit)]
}

// attach gives challenges the decisions that raised them: those that are known, and the rest looked up, tenant by tenant.
func (r *Reader) attach(ctx context.Context, cs []Challenge, known []Decision) error {
	byTenant := map[string][]int{}
	for i := range cs {
		k := slices.IndexFunc(known, func(d Decision) bool { return d.EventID == cs[i].EventID && d.Session == cs[i].Session })
		if k >= 0 {
			cs[i].Decision = &known[k]
			continue
		}
		byTenant[cs[i].Tenant] = append(byTenant[cs[i].Tenant], i)
	}
	for tenant, list := range byTenant {
		events := make([]string, 0, len(list))
		for _, i := range list {
			events = append(events, cs[i].EventID)
		}
		slices.Sort(events)
		ds, err := r.decisions(ctx, "decisions_of_events", args{"tenant": tenant, "events": slices.Compact(events), "limit": uint32(2 * MaxRows)})
		if err != nil {
			return err
		}
		for _, i := range list {
			for k := range ds {
				if ds[k].EventID == cs[i].EventID && ds[k].Session == cs[i].Session {
					cs[i].Decision = &ds[k]
					break
				}
			}
		}
	}
	return nil
}

// Signal is one revision of a challenge.
type Signal struct {
	Tenant, Challenge string
	Revision          uint64
	State             string
	Time, DecidedAt   time.Time
	User, Session     string
	EventID, Cause    string
	Risk              float64
	Level             string
	Reasons           []string
	ACR, AMR          []string
	MaxAge            time.Duration
	Issued, Expires   time.Time
	OnExpiry          string
	Policy, Version   string
	Rule, ReasonUser  string
	Position          Position
}

func (r *Reader) signals(ctx context.Context, name string, a args) ([]Signal, error) {
	var out []Signal
	err := r.ask(ctx, name, a, func(rows driver.Rows) error {
		var s Signal
		var age uint32
		err := rows.Scan(&s.Tenant, &s.Challenge, &s.Revision, &s.State, &s.Time, &s.DecidedAt, &s.User, &s.Session, &s.EventID, &s.Cause,
			&s.Risk, &s.Level, &s.Reasons, &s.ACR, &s.AMR, &age, &s.Issued, &s.Expires, &s.OnExpiry, &s.Policy, &s.Version, &s.Rule, &s.ReasonUser,
			&s.Position.Partition, &s.Position.Seq, &s.Position.Idx)
		s.MaxAge = time.Duration(age) * time.Second
		out = append(out, s)
		return err
	})
	return out, err
}

// Enforcement is a receipt of an app, or a result of a step-up.
type Enforcement struct {
	Tenant, Challenge string
	// Kind is receipt, started, completed, failed, denied or abandoned.
	Kind            string
	Time            time.Time
	EventID, Source string
	User, Session   string
	Action, Outcome string
	Route, Result   string
	SDK             string
	ResourceType    string
	ResourceID      string
	Sensitivity     string
	ACR             string
	AMR             []string
	Reason          string
	SessionState    string
	IP              netip.Addr
	Position        Position
}

func (r *Reader) enforcement(ctx context.Context, name string, a args) ([]Enforcement, error) {
	var out []Enforcement
	err := r.ask(ctx, name, a, func(rows driver.Rows) error {
		var e Enforcement
		err := rows.Scan(&e.Tenant, &e.Challenge, &e.Kind, &e.Time, &e.EventID, &e.Source, &e.User, &e.Session, &e.Action, &e.Outcome,
			&e.Route, &e.Result, &e.SDK, &e.ResourceType, &e.ResourceID, &e.Sensitivity, &e.ACR, &e.AMR, &e.Reason, &e.SessionState, &e.IP,
			&e.Position.Partition, &e.Position.Seq, &e.Position.Idx)
		e.IP = plainAddr(e.IP)
		out = append(out, e)
		return err
	})
	return out, err
}
