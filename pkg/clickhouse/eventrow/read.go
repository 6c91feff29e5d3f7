package eventrow

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Filter says which events to read. Zero values do not filter.
type Filter struct {
	Tenant, User string
	// Since and Until bound when the scorer committed them: since ≤ decided_at < until.
	Since, Until time.Time
	// After and Upto bound users: after < (tenant, user) ≤ upto.
	After, Upto *User
	// Journal asks for the order of the journal, partition by partition, instead of user by user: the server sorts all of it,
	// on disk where memory does not do.
	Journal bool
}

// User is one user of a tenant.
type User struct{ Tenant, ID string }

// Stored is an event with its place in the journal.
type Stored struct {
	Event      *riskdv1.Event
	Enrichment *riskdv1.Enrichment
	// Late events were stored and not scored.
	Late      bool
	Partition uint16
	Seq       uint64
	Idx       uint32
	DecidedAt time.Time
	// Decision is the digest of what was decided ([Digest]); 0: nothing, or the row is from before it was kept.
	Decision uint64
	// Revision of the policies, and versions ([SplitVersions]), that judged it.
	Revision uint64
	Versions string
}

// columns are those of table events that make an event, with where each goes.
func (r *Row) columns(times *[3]time.Time, status *string, given *uint32) (names []string, to []any) {
	for _, c := range []struct {
		name string
		to   any
	}{
		{"tenant", &r.Tenant}, {"event_id", &r.ID}, {"source", &r.Source}, {"type", &r.Type}, {"status", status},
		{"ts", &times[0]}, {"received_at", &times[1]}, {"auth_time", &times[2]}, {"user_id", &r.User}, {"user_kind", &r.UserKind}, {"session_id", &r.Session},
		{"acr", &r.ACR}, {"amr", &r.AMR}, {"device_id", &r.Device}, {"ip", &r.IP}, {"rtt_ms", &r.RTT}, {"country", &r.Country}, {"city", &r.City},
		{"located", &r.Located}, {"lat", &r.Lat}, {"lon", &r.Lon}, {"accuracy_km", &r.AccuracyKM}, {"asn", &r.ASN}, {"as_org", &r.ASOrg}, {"network_kind", &r.NetworkKind},
		{"user_agent", &r.UserAgent}, {"browser", &r.Browser}, {"browser_major", &r.BrowserMajor}, {"os", &r.OS}, {"os_major", &r.OSMajor}, {"device_class", &r.Class},
		{"action", &r.Action}, {"outcome", &r.Outcome}, {"resource_type", &r.ResourceType}, {"resource_id", &r.ResourceID}, {"sensitivity", &r.Sensitivity},
		{"count", &r.Count}, {"bytes", &r.Bytes}, {"attributes", &r.Attributes}, {"challenge_id", &r.Challenge}, {"reason", &r.Reason},
		{"route", &r.Route}, {"result", &r.Result}, {"sdk", &r.SDK}, {"feedback_event_id", &r.FeedbackEvent}, {"verdict", &r.Verdict}, {"author", &r.Author},
		{"ip_users", &r.IPUsers}, {"ip_failed_users", &r.IPFailedUsers}, {"ip_failures", &r.IPFailures}, {"device_users", &r.DeviceUsers}, {"given", given}, {"rest", &r.Rest},
		{"decision", &r.Decision}, {"policies", &r.Revision}, {"versions", &r.Versions},
	} {
		names, to = append(names, c.name), append(to, c.to)
	}
	return names, to
}

// memory bounds what the server holds of a read: it sorts on disk what is more than half a GiB, and reads in small blocks, because it
// merges as many streams as the table has parts.
var memory = clickhouse.Settings{"max_bytes_before_external_sort": 512 << 20, "max_block_size": 8192, "optimize_read_in_order": 1}

// Read calls each with every event, user by user (or as Filter.Journal says), and a user's in the order in which they were
// scored. It holds a few blocks of rows, however many there are. An error of each ends it, as does a row that cannot be built back
// (ErrInexact). Events that stand in the table twice, until it has merged them, come once.
func Read(ctx context.Context, conn driver.Conn, f Filter, each func(Stored) error) error {
	var r Row
	var times [3]time.Time
	var status string
	var given uint32
	var s Stored
	names, to := r.columns(&times, &status, &given)
	where, args := f.where()
	query := "SELECT " + strings.Join(names, ", ") + ", partition, seq, idx, decided_at FROM events WHERE " + where
	if f.Journal {
		query += " ORDER BY partition, seq, idx"
	} else {
		query += " ORDER BY tenant, user_id, partition, seq, idx"
	}
	rows, err := conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(memory)), query, args...)
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	to = append(to, &s.Partition, &s.Seq, &s.Idx, &s.DecidedAt)
	first := true
	for rows.Next() {
		was := s
		r.AMR, r.Attributes = nil, nil // what was made of the last row keeps them
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
		if !first && s.Partition == was.Partition && s.Seq == was.Seq && s.Idx == was.Idx {
			continue // it was inserted twice, and not merged yet
		}
		first = false
		s.Decision, s.Revision, s.Versions = r.Decision, r.Revision, r.Versions
		r.Time, r.Received, r.AuthTime, r.Given = times[0].UnixMilli(), times[1].UnixMilli(), times[2].UnixMilli(), Given(given)
		if r.IP = r.IP.Unmap(); r.IP.IsUnspecified() {
			r.IP = netip.Addr{}
		}
		if s.Late = status == "late"; s.Late && r.Rest == "" {
			r.Reason = "" // the column holds riskd's
		}
		if s.Event, s.Enrichment, err = r.Event(); err != nil {
			return fmt.Errorf("event %q of tenant %q: %w", r.ID, r.Tenant, err)
		}
		if err := each(s); err != nil {
			return err
		}
	}
	return rows.Err()
}

// where is the filter as a condition, written so that the table's key is used.
func (f *Filter) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, name string, value any) {
		terms, args = append(terms, term), append(args, clickhouse.Named(name, value))
	}
	if f.Tenant != "" {
		add("tenant = {tenant:String}", "tenant", f.Tenant)
	}
	if f.User != "" {
		add("user_id = {user:String}", "user", f.User)
	}
	if !f.Since.IsZero() {
		add("decided_at >= {since:DateTime64(3, 'UTC')}", "since", moment(f.Since))
	}
	if !f.Until.IsZero() {
		add("decided_at < {until:DateTime64(3, 'UTC')}", "until", moment(f.Until))
	}
	if u := f.After; u != nil {
		add("tenant >= {after:String} AND (tenant > {after:String} OR user_id > {after_user:String})", "after", u.Tenant)
		args = append(args, clickhouse.Named("after_user", u.ID))
	}
	if u := f.Upto; u != nil {
		add("tenant <= {upto:String} AND (tenant < {upto:String} OR user_id <= {upto_user:String})", "upto", u.Tenant)
		args = append(args, clickhouse.Named("upto_user", u.ID))
	}
	if len(terms) == 0 {
		return "1", nil
	}
	return strings.Join(terms, " AND "), args
}

// Split cuts the users into at most n spans of about as many events each, as filters that are the same otherwise.
func Split(ctx context.Context, conn driver.Conn, f Filter, n int) ([]Filter, error) {
	var total uint64
	where, args := f.where()
	if err := conn.QueryRow(ctx, "SELECT count() FROM events WHERE "+where, args...).Scan(&total); err != nil {
		return nil, fmt.Errorf("counting events: %w", err)
	}
	last := f.After
	var out []Filter
	for i := 1; i < n && total > 0; i++ {
		var u User
		query := fmt.Sprintf("SELECT tenant, user_id FROM events WHERE %s ORDER BY tenant, user_id LIMIT 1 OFFSET %d", where, total*uint64(i)/uint64(n))
		if err := conn.QueryRow(ctx, query, args...).Scan(&u.Tenant, &u.ID); err != nil {
			return nil, fmt.Errorf("dividing users: %w", err)
		}
		if last != nil && *last == u { // a user with more events than a share
			continue
		}
		one := f
		one.After, one.Upto = last, &u
		out, last = append(out, one), &u
	}
	f.After = last
	return append(out, f), nil
}

func moment(t time.Time) string {
	return time.UnixMilli(Millis(t.UnixMilli())).UTC().Format("2006-01-02 15:04:05.000")
}
