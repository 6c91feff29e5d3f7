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
}

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
	} {
		names, to = append(names, c.name), append(to, c.to)
	}
	return names, to
}

// Read calls each with every event, user by user, and a user's in the order in which they were scored. An error of each
// ends it, as does a row that cannot be built back (ErrInexact). Events that stand in the table twice, until it has merged
// them, come once.
func Read(ctx context.Context, conn driver.Conn, f Filter, each func(Stored) error) error {
	var r Row
	var times [3]time.Time
	var status string
	var given uint32
	var s Stored
	names, to := r.columns(&times, &status, &given)
	query := "SELECT " + strings.Join(names, ", ") + `, partition, seq, idx, decided_at FROM events FINAL
		WHERE ({tenant:String} = '' OR tenant = {tenant:String}) AND ({user:String} = '' OR user_id = {user:String})
		  AND decided_at >= {since:DateTime64(3, 'UTC')} AND decided_at < {until:DateTime64(3, 'UTC')}
		ORDER BY tenant, user_id, partition, seq, idx`
	if f.Until.IsZero() {
		f.Until = time.UnixMilli(maxMillis)
	}
	rows, err := conn.Query(ctx, query, clickhouse.Named("tenant", f.Tenant), clickhouse.Named("user", f.User),
		clickhouse.Named("since", moment(f.Since)), clickhouse.Named("until", moment(f.Until)))
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	defer rows.Close()
	to = append(to, &s.Partition, &s.Seq, &s.Idx, &s.DecidedAt)
	for rows.Next() {
		r.AMR, r.Attributes = nil, nil // what was made of the last row keeps them
		if err := rows.Scan(to...); err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
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

func moment(t time.Time) string {
	return time.UnixMilli(Millis(t.UnixMilli())).UTC().Format("2006-01-02 15:04:05.000")
}
