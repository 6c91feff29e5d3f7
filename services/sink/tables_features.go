package sink

import (
	"net/netip"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type featureRows struct {
	frame
	placeCols
	tenant, id, source, typ, action, outcome, user, session, level, decided              *vec[string]
	challenge, state, rule, policy, baseline, geo, engine                                *vec[string]
	country, city, org, netKind, device, browser, os, class, resType, resID, sensitivity *vec[string]
	ts                                                                                   *vec[int64]
	latency, asn                                                                         *vec[uint32]
	risk, travel, newDevice, deviation                                                   *vec[float64]
	codes, details, unknown, hits, shadow                                                *vec[[]string]
	nats                                                                                 *vec[[]float64]
	ip                                                                                   *vec[netip.Addr]
}

func newFeatureRows(room int) *featureRows {
	r := &featureRows{frame: frame{name: "features", room: room}}
	f := &r.frame
	r.placeCols = newPlaceCols(f)
	for _, c := range []struct {
		to   **vec[string]
		name string
	}{
		{&r.tenant, "tenant"}, {&r.id, "event_id"}, {&r.source, "source"}, {&r.typ, "event_type"}, {&r.action, "event_action"},
		{&r.outcome, "outcome"}, {&r.user, "user_id"}, {&r.session, "session_id"}, {&r.level, "level"}, {&r.decided, "action"},
		{&r.challenge, "challenge_id"}, {&r.state, "session_state"}, {&r.rule, "rule"}, {&r.policy, "policy"},
		{&r.baseline, "baseline"}, {&r.geo, "geo"}, {&r.engine, "engine"}, {&r.country, "country"}, {&r.city, "city"},
		{&r.org, "as_org"}, {&r.netKind, "network_kind"}, {&r.device, "device_id"}, {&r.browser, "browser"}, {&r.os, "os"},
		{&r.class, "device_class"}, {&r.resType, "resource_type"}, {&r.resID, "resource_id"}, {&r.sensitivity, "sensitivity"},
	} {
		*c.to = col[string](f, c.name)
	}
	r.ts, r.latency, r.asn = col[int64](f, "ts"), col[uint32](f, "latency_ms"), col[uint32](f, "asn")
	r.risk, r.travel = col[float64](f, "risk"), col[float64](f, "impossible_travel")
	r.newDevice, r.deviation = col[float64](f, "new_device"), col[float64](f, "deviation")
	r.codes, r.nats, r.details = col[[]string](f, "parts.code"), col[[]float64](f, "parts.nats"), col[[]string](f, "parts.detail")
	r.unknown, r.ip = col[[]string](f, "unknown"), col[netip.Addr](f, "ip")
	r.hits, r.shadow = col[[]string](f, "hits"), col[[]string](f, "shadow_hits")
	return r
}

func (r *featureRows) add(p place, e *riskdv1.JournalEntry, row *eventrow.Row) {
	d, ev := e.Decision, e.Event
	r.placeCols.add(p)
	r.tenant.add(d.GetTenantId())
	r.id.add(d.GetEventId())
	r.source.add(ev.GetSource())
	r.typ.add(ev.GetType())
	r.action.add(ev.GetAction())
	r.outcome.add(ev.GetOutcome())
	r.user.add(d.GetUserId())
	r.session.add(sessionOf(e))
	r.level.add(d.GetLevel())
	r.decided.add(d.GetAction())
	r.challenge.add(d.GetChallengeId())
	r.state.add(d.GetSessionState())
	r.rule.add(d.GetRule())
	r.policy.add(d.GetPolicy())
	r.baseline.add(d.GetBaseline())
	r.geo.add(d.GetGeo())
	r.engine.add(d.GetEngine())
	r.country.add(row.Country)
	r.city.add(row.City)
	r.org.add(row.ASOrg)
	r.netKind.add(row.NetworkKind)
	r.device.add(ev.GetDevice().GetId())
	r.browser.add(row.Browser)
	r.os.add(row.OS)
	r.class.add(row.Class)
	r.resType.add(ev.GetResource().GetType())
	r.resID.add(ev.GetResource().GetId())
	r.sensitivity.add(ev.GetResource().GetSensitivity())
	r.ts.add(millis(d.GetTimeMs()))
	r.latency.add(latency(p, row.Received))
	r.asn.add(row.ASN)
	r.risk.add(d.GetRisk())
	r.travel.add(d.GetScores().GetImpossibleTravel())
	r.newDevice.add(d.GetScores().GetNewDevice())
	r.deviation.add(d.GetScores().GetDeviation())
	codes, nats, details := make([]string, len(d.GetParts())), make([]float64, len(d.GetParts())), make([]string, len(d.GetParts()))
	for i, part := range d.GetParts() {
		codes[i], nats[i], details[i] = part.Code, part.Nats, detailJSON(part.Detail)
	}
	r.codes.add(codes)
	r.nats.add(nats)
	r.details.add(details)
	r.unknown.add(d.GetUnknown())
	r.hits.add(d.GetHits())
	r.shadow.add(d.GetShadowHits())
	r.ip.add(row.IP)
}
