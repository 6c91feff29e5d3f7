package story

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Late is an event that came too late to be scored.
type Late struct {
	Tenant, EventID, Source, Type string
	EventAction, Outcome          string
	Time, DecidedAt               time.Time
	User, Session, Reason         string
	Origin                        Origin
	Position                      Position
}

// Entry is one event of a story: with its decision, or late; what it reported, and the signals it caused.
type Entry struct {
	Time     time.Time
	Position Position
	// Decision is nil for late events.
	Decision *Decision
	Late     *Late
	// Enforcement is set for receipts and step-up results.
	Enforcement *Enforcement
	Signals     []Signal
}

// Summary is a session in one line.
type Summary struct {
	Session, User string
	First, Last   time.Time
	Decisions     uint64
	Worst         float64
	WorstLevel    string
	// State is clear, required, satisfied, denied or expired.
	State             string
	StepUps, Denies   uint64
	Countries         []string
	Addresses         uint64
	Browser, OS, City string // of the last event; only in lists
}

// SessionStory is all that happened in a session.
type SessionStory struct {
	Tenant  string
	Summary Summary
	// Entries in order of event time, oldest first; the newest when there are more than the limit.
	Entries []Entry
	// Left is how many older decisions were left out.
	Left uint64
	// Challenges of the session, newest first.
	Challenges []Challenge
}

// Bits of sessions.lacks: what a session certainly has none of.
const (
	lacksLate = 1 << iota
	lacksEnforcement
	lacksSignals
)

// Session tells one session's story with at most limit decisions (0: 100). ErrNotFound when nothing is known of it.
func (r *Reader) Session(ctx context.Context, tenant, session string, max int) (SessionStory, error) {
	st := SessionStory{Tenant: tenant}
	var (
		decisions   []Decision
		late        []Late
		enforcement []Enforcement
		signals     []Signal
	)
	// Whose it is and when it was is asked once: the others then read a few granules each, and cost little to plan.
	few := args{"tenant": tenant, "session": session, "limit": limit(max)}
	var lacks uint8
	err := r.ask(ctx, "session_bounds", args{"tenant": tenant, "session": session}, func(rows driver.Rows) error {
		var users []string
		var first, last time.Time
		err := rows.Scan(&users, &first, &last, &lacks)
		few["users"], few["first"], few["last"] = users, first, last
		return err
	})
	if err == nil && few["users"] == nil {
		err = fmt.Errorf("session %q of tenant %q: %w", session, tenant, ErrNotFound)
	}
	if err != nil {
		return st, err
	}
	all := maps.Clone(few)
	all["limit"] = uint32(MaxRows)
	// What the session has none of is not asked for: planning a question costs more than reading a few rows.
	ask := []func(context.Context) error{func(ctx context.Context) (err error) {
		decisions, err = r.decisions(ctx, "session_decisions", few)
		return err
	}}
	if lacks&lacksLate == 0 {
		ask = append(ask, func(ctx context.Context) (err error) {
			late, err = r.late(ctx, few)
			return err
		})
	}
	if lacks&lacksEnforcement == 0 {
		ask = append(ask, func(ctx context.Context) (err error) {
			enforcement, err = r.enforcement(ctx, "session_enforcement", few)
			return err
		})
	}
	if lacks&lacksSignals == 0 {
		ask = append(ask, func(ctx context.Context) (err error) {
			signals, err = r.signals(ctx, "session_signals", all)
			return err
		})
	}
	err = together(ctx, ask...)
	switch {
	case err != nil:
		return st, err
	case len(decisions) == 0 && len(late) == 0:
		return st, fmt.Errorf("session %q of tenant %q: %w", session, tenant, ErrNotFound)
	case len(decisions) == 0:
		st.Summary = Summary{Session: session, User: late[0].User, First: late[len(late)-1].Time, Last: late[0].Time}
	case len(decisions) < int(limit(max)): // all of them are here
		st.Summary = summarize(session, decisions)
	default:
		err := r.ask(ctx, "session_summary", few, func(rows driver.Rows) error {
			s := &st.Summary
			s.Session = session
			return rows.Scan(&s.User, &s.First, &s.Last, &s.Decisions, &s.Worst, &s.WorstLevel, &s.State, &s.StepUps, &s.Denies, &s.Countries, &s.Addresses)
		})
		if err != nil {
			return st, err
		}
	}
	if n := uint64(len(decisions)); st.Summary.Decisions > n {
		st.Left = st.Summary.Decisions - n
	}
	st.Entries = weave(decisions, late, enforcement, signals)
	st.Challenges = challengesOf(signals)
	return st, r.attach(ctx, st.Challenges, decisions)
}

// mostCountries bounds a summary's countries, here and in the question.
const mostCountries = 20

// summarize is what session_summary answers, of a session whose decisions are all here, the newest first.
func summarize(session string, decisions []Decision) Summary {
	d := &decisions[0]
	s := Summary{Session: session, User: d.User, First: decisions[len(decisions)-1].Time, Last: d.Time, Decisions: uint64(len(decisions)), State: d.SessionState,
		Worst: d.Risk, WorstLevel: d.Level, Countries: []string{}}
	addresses := map[netip.Addr]bool{}
	for i := range decisions {
		d := &decisions[i]
		if d.Risk > s.Worst {
			s.Worst, s.WorstLevel = d.Risk, d.Level
		}
		switch d.Action {
		case "step_up":
			s.StepUps++
		case "deny":
			s.Denies++
		}
		if c := d.Origin.Country; c != "" && !slices.Contains(s.Countries, c) && len(s.Countries) < mostCountries {
			s.Countries = append(s.Countries, c)
		}
		if d.Origin.IP.IsValid() {
			addresses[d.Origin.IP] = true
		}
	}
	slices.Sort(s.Countries)
	s.Addresses = uint64(len(addresses))
	return s
}

// weave puts what belongs to one event together, in order of event time.
func weave(decisions []Decision, late []Late, enforcement []Enforcement, signals []Signal) []Entry {
	entries := make([]Entry, 0, len(decisions)+len(late))
	for i := range decisions {
		entries = append(entries, Entry{Time: decisions[i].Time, Position: decisions[i].Position, Decision: &decisions[i]})
	}
	for i := range late {
		entries = append(entries, Entry{Time: late[i].Time, Position: late[i].Position, Late: &late[i]})
	}
	at := make(map[Position]int, len(entries))
	for i := range entries {
		at[entries[i].Position] = i
	}
	for i := range enforcement {
		if k, ok := at[enforcement[i].Position]; ok {
			entries[k].Enforcement = &enforcement[i]
		}
	}
	for _, s := range signals {
		if k, ok := at[s.Position]; ok {
			entries[k].Signals = append(entries[k].Signals, s)
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Position.Partition, b.Position.Partition),
			cmp.Compare(a.Position.Seq, b.Position.Seq), cmp.Compare(a.Position.Idx, b.Position.Idx))
	})
	return entries
}

func (r *Reader) late(ctx context.Context, a args) ([]Late, error) {
	var out []Late
	err := r.ask(ctx, "session_late", a, func(rows driver.Rows) error {
		var l Late
		o := &l.Origin
		err := rows.Scan(&l.Tenant, &l.EventID, &l.Source, &l.Type, &l.EventAction, &l.Outcome, &l.Time, &l.DecidedAt, &l.User, &l.Session, &l.Reason,
			&o.IP, &o.Country, &o.City, &o.ASN, &o.ASOrg, &o.Network, &o.Device, &o.Browser, &o.OS, &o.DeviceClass,
			&l.Position.Partition, &l.Position.Seq, &l.Position.Idx)
		o.IP = plainAddr(o.IP)
		out = append(out, l)
		return err
	})
	return out, err
}
