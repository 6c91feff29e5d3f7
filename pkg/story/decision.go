package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/risk/decision"
)

// Position is where a row stands in the journal.
type Position struct {
	Partition uint16
	Seq       uint64
	Idx       uint32
}

// Origin is where an event came from.
type Origin struct {
	// IP is IPv4 where it was; the zero Addr is unknown.
	IP            netip.Addr
	Country, City string
	ASN           uint32
	ASOrg         string
	// Network is residential, mobile, hosting, vpn, relay or satellite; "" is unknown.
	Network     string
	Device      string
	Browser, OS string
	DeviceClass string
}

// Decision is one row of features: an event and what was concluded from it.
type Decision struct {
	Tenant, EventID, Source string
	// Type is the CloudEvents type, EventAction what the user did, Outcome how that ended.
	Type, EventAction, Outcome string
	// Time is the event's, DecidedAt riskd's.
	Time, DecidedAt time.Time
	// Latency from the broker to the commit.
	Latency       time.Duration
	User, Session string

	Risk   float64
	Level  string
	Action string // allow, step_up, deny
	Scores decision.Scores
	Parts  []decision.Part
	// Unknown names inputs that were missing.
	Unknown []string

	Challenge, SessionState, Rule string
	Policy, Baseline, Geo, Engine string
	Origin                        Origin
	ResourceType, ResourceID      string
	Sensitivity                   string
	Position                      Position
}

func scanDecision(rows driver.Rows) (Decision, error) {
	var d Decision
	var codes, details []string
	var nats []float64
	var latency uint32
	o := &d.Origin
	err := rows.Scan(&d.Tenant, &d.EventID, &d.Source, &d.Type, &d.EventAction, &d.Outcome, &d.Time, &d.DecidedAt, &latency, &d.User, &d.Session,
		&d.Risk, &d.Level, &d.Action, &d.Scores.ImpossibleTravel, &d.Scores.NewDevice, &d.Scores.Deviation, &codes, &nats, &details, &d.Unknown,
		&d.Challenge, &d.SessionState, &d.Rule, &d.Policy, &d.Baseline, &d.Geo, &d.Engine,
		&o.IP, &o.Country, &o.City, &o.ASN, &o.ASOrg, &o.Network, &o.Device, &o.Browser, &o.OS, &o.DeviceClass, &d.ResourceType, &d.ResourceID, &d.Sensitivity,
		&d.Position.Partition, &d.Position.Seq, &d.Position.Idx)
	if err != nil {
		return d, err
	}
	d.Latency = time.Duration(latency) * time.Millisecond
	o.IP = plainAddr(o.IP)
	if len(codes) != len(nats) || len(codes) != len(details) {
		return d, fmt.Errorf("event %s: %d codes, %d nats, %d details", d.EventID, len(codes), len(nats), len(details))
	}
	d.Parts = make([]decision.Part, len(codes))
	for i := range codes {
		d.Parts[i] = decision.Part{Code: codes[i], Nats: nats[i]}
		if d.Parts[i].Detail, err = parseDetail(details[i]); err != nil {
			return d, fmt.Errorf("event %s, part %s: %w", d.EventID, codes[i], err)
		}
	}
	return d, nil
}

// plainAddr undoes the mapping of IPv4 into IPv6; the unspecified address is unknown.
func plainAddr(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// maxDetails bounds the inputs read from one part.
const maxDetails = 64

// parseDetail reads a part's inputs from their JSON object, in their order.
func parseDetail(text string) ([]decision.Detail, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	t, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("detail is not an object: %.80q", text)
	}
	var out []decision.Detail
	for dec.More() && len(out) < maxDetails {
		key, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading detail: %w", err)
		}
		value, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading detail: %w", err)
		}
		d := decision.Detail{}
		d.Key, _ = key.(string)
		switch v := value.(type) {
		case float64:
			d.Number = v
		case string:
			d.Text, d.IsText = v, true
		case bool:
			d.Text, d.IsText = fmt.Sprint(v), true
		case nil:
			d.Text, d.IsText = "unknown", true
		default:
			return nil, fmt.Errorf("detail %s is neither a number nor a text", d.Key)
		}
		out = append(out, d)
	}
	return out, nil
}

// decisions asks a question whose rows are decisions.
func (r *Reader) decisions(ctx context.Context, name string, a args) ([]Decision, error) {
	var out []Decision
	err := r.ask(ctx, name, a, func(rows driver.Rows) error {
		d, err := scanDecision(rows)
		out = append(out, d)
		return err
	})
	return out, err
}

// Decision returns the decisions of one event: one, or several where two sources use the same event id, the last one
// first. ErrNotFound when there is none.
func (r *Reader) Decision(ctx context.Context, tenant, event string) ([]Decision, error) {
	ds, err := r.decisions(ctx, "decision", args{"tenant": tenant, "event": event})
	if err == nil && len(ds) == 0 {
		err = fmt.Errorf("decision of event %q of tenant %q: %w", event, tenant, ErrNotFound)
	}
	return ds, err
}

// LiveFilter narrows the live feed; zero values do not filter.
type LiveFilter struct {
	Tenant, User string
	// Action is allow, step_up or deny; Level low, medium or high.
	Action, Level string
	Country       string
	// Kind is what the user did, e.g. auth.login.
	Kind    string
	MinRisk float64
	// Limit of rows. Default 100, at most MaxRows.
	Limit int
}

// lookBack is how far the feed looks, widening until it has enough.
var lookBack = []time.Duration{10 * time.Minute, 6 * time.Hour, 30 * 24 * time.Hour}

// Live is the latest decisions by riskd's own clock, newest first.
func (r *Reader) Live(ctx context.Context, f LiveFilter, now time.Time) ([]Decision, error) {
	var ds []Decision
	for _, back := range lookBack {
		var err error
		ds, err = r.decisions(ctx, "decisions_live", args{
			"since": now.Add(-back), "tenant": f.Tenant, "user": f.User, "action": f.Action, "level": f.Level,
			"country": f.Country, "kind": f.Kind, "min_risk": f.MinRisk, "limit": limit(f.Limit),
		})
		if err != nil || len(ds) >= int(limit(f.Limit)) {
			return ds, err
		}
	}
	return ds, nil
}
