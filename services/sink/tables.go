package sink

import (
	"net/netip"

	"github.com/riskd-io/riskd/pkg/clickhouse/eventrow"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// The columns are those of schemas/clickhouse, where they are described.

type ledgerRows struct {
	frame
	placeCols
	kind, hash, prev, owner                                           *vec[string]
	epoch, input, accepted, scoredAll, duplicateAll, lateAll, deadAll *vec[uint64]
	scored, duplicate, late, dead, signals, size                      *vec[uint32]
	policy, baseline, geo, engine                                     *vec[string]
	policies                                                          *vec[uint64]
}

func newLedgerRows(room int) *ledgerRows {
	r := &ledgerRows{frame: frame{name: "ledger", room: room}}
	f := &r.frame
	r.placeCols = placeCols{partition: col[uint16](f, "partition"), seq: col[uint64](f, "seq"), decided: col[int64](f, "decided_at")}
	r.kind, r.hash, r.prev, r.owner = col[string](f, "kind"), col[string](f, "hash"), col[string](f, "prev_hash"), col[string](f, "owner")
	r.epoch, r.input = col[uint64](f, "epoch"), col[uint64](f, "input_last")
	r.scored, r.duplicate, r.late, r.dead = col[uint32](f, "scored"), col[uint32](f, "duplicate"), col[uint32](f, "late"), col[uint32](f, "dead")
	r.signals, r.size = col[uint32](f, "signals"), col[uint32](f, "size")
	r.accepted, r.scoredAll = col[uint64](f, "total_accepted"), col[uint64](f, "total_scored")
	r.duplicateAll, r.lateAll, r.deadAll = col[uint64](f, "total_duplicate"), col[uint64](f, "total_late"), col[uint64](f, "total_dead")
	r.policy, r.baseline, r.geo, r.engine = col[string](f, "policy"), col[string](f, "baseline"), col[string](f, "geo"), col[string](f, "engine")
	r.policies = col[uint64](f, "policies")
	return r
}

func (r *ledgerRows) add(p place, s *journal.Stored, n *riskdv1.Counts, signals int) {
	rec := s.Record
	r.partition.add(p.partition)
	r.seq.add(p.seq)
	r.decided.add(p.decided)
	kind := "batch"
	if rec.Kind == riskdv1.JournalRecord_KIND_FENCE {
		kind = "fence"
	}
	var prev [32]byte
	copy(prev[:], rec.PrevHash)
	r.kind.add(kind)
	r.hash.add(string(s.Hash[:]))
	r.prev.add(string(prev[:]))
	r.owner.add(rec.Owner)
	r.epoch.add(rec.Epoch)
	r.input.add(rec.InputLast)
	r.scored.add(uint32(n.Scored))
	r.duplicate.add(uint32(n.Duplicate))
	r.late.add(uint32(n.Late))
	r.dead.add(uint32(n.DeadLettered))
	r.signals.add(uint32(signals))
	r.size.add(uint32(s.Size))
	t := rec.Totals
	r.accepted.add(t.GetAccepted())
	r.scoredAll.add(t.GetScored())
	r.duplicateAll.add(t.GetDuplicate())
	r.lateAll.add(t.GetLate())
	r.deadAll.add(t.GetDeadLettered())
	r.policy.add(rec.Policy)
	r.baseline.add(rec.Baseline)
	r.geo.add(rec.Geo)
	r.engine.add(rec.Engine)
	r.policies.add(rec.Policies)
}

type eventRows struct {
	frame
	placeCols
	tenant, id, source, typ, status, user, userKind, session, acr, device   *vec[string]
	country, city, org, netKind, agent, browser, os, class                  *vec[string]
	action, outcome, resType, resID, sensitivity, challenge, reason         *vec[string]
	route, result, sdk, fbEvent, verdict, author, rest, versions            *vec[string]
	ts, received, authTime                                                  *vec[int64]
	amr                                                                     *vec[[]string]
	ip                                                                      *vec[netip.Addr]
	rtt, asn, count, ipUsers, ipFailedUsers, ipFailures, deviceUsers, given *vec[uint32]
	located                                                                 *vec[bool]
	lat, lon, accuracy                                                      *vec[float64]
	browserMajor, osMajor                                                   *vec[uint16]
	bytes, decision, policies                                               *vec[uint64]
	attributes                                                              *vec[map[string]string]
}

func newEventRows(room int) *eventRows {
	r := &eventRows{frame: frame{name: "events", room: room}}
	f := &r.frame
	r.placeCols = newPlaceCols(f)
	for _, c := range []struct {
		to   **vec[string]
		name string
	}{
		{&r.tenant, "tenant"}, {&r.id, "event_id"}, {&r.source, "source"}, {&r.typ, "type"}, {&r.status, "status"},
		{&r.user, "user_id"}, {&r.userKind, "user_kind"}, {&r.session, "session_id"}, {&r.acr, "acr"}, {&r.device, "device_id"},
		{&r.country, "country"}, {&r.city, "city"}, {&r.org, "as_org"}, {&r.netKind, "network_kind"}, {&r.agent, "user_agent"},
		{&r.browser, "browser"}, {&r.os, "os"}, {&r.class, "device_class"}, {&r.action, "action"}, {&r.outcome, "outcome"},
		{&r.resType, "resource_type"}, {&r.resID, "resource_id"}, {&r.sensitivity, "sensitivity"}, {&r.challenge, "challenge_id"},
		{&r.reason, "reason"}, {&r.route, "route"}, {&r.result, "result"}, {&r.sdk, "sdk"}, {&r.fbEvent, "feedback_event_id"},
		{&r.verdict, "verdict"}, {&r.author, "author"}, {&r.rest, "rest"}, {&r.versions, "versions"},
	} {
		*c.to = col[string](f, c.name)
	}
	r.ts, r.received, r.authTime = col[int64](f, "ts"), col[int64](f, "received_at"), col[int64](f, "auth_time")
	r.amr, r.ip = col[[]string](f, "amr"), col[netip.Addr](f, "ip")
	r.rtt, r.asn, r.count = col[uint32](f, "rtt_ms"), col[uint32](f, "asn"), col[uint32](f, "count")
	r.ipUsers, r.ipFailedUsers = col[uint32](f, "ip_users"), col[uint32](f, "ip_failed_users")
	r.ipFailures, r.deviceUsers, r.given = col[uint32](f, "ip_failures"), col[uint32](f, "device_users"), col[uint32](f, "given")
	r.located = col[bool](f, "located")
	r.lat, r.lon, r.accuracy = col[float64](f, "lat"), col[float64](f, "lon"), col[float64](f, "accuracy_km")
	r.browserMajor, r.osMajor = col[uint16](f, "browser_major"), col[uint16](f, "os_major")
	r.bytes, r.attributes = col[uint64](f, "bytes"), col[map[string]string](f, "attributes")
	r.decision, r.policies = col[uint64](f, "decision"), col[uint64](f, "policies")
	return r
}

func (r *eventRows) add(p place, e *riskdv1.JournalEntry, row *eventrow.Row) {
	r.placeCols.add(p)
	status := "scored"
	if e.Status == riskdv1.JournalEntry_STATUS_LATE {
		status = "late"
	}
	r.status.add(status)
	for _, c := range [...]struct {
		to *vec[string]
		v  string
	}{
		{r.tenant, row.Tenant}, {r.id, row.ID}, {r.source, row.Source}, {r.typ, row.Type}, {r.reason, row.Reason}, {r.user, row.User}, {r.userKind, row.UserKind},
		{r.session, row.Session}, {r.acr, row.ACR}, {r.device, row.Device}, {r.country, row.Country}, {r.city, row.City}, {r.org, row.ASOrg}, {r.netKind, row.NetworkKind},
		{r.agent, row.UserAgent}, {r.browser, row.Browser}, {r.os, row.OS}, {r.class, row.Class}, {r.action, row.Action}, {r.outcome, row.Outcome},
		{r.resType, row.ResourceType}, {r.resID, row.ResourceID}, {r.sensitivity, row.Sensitivity}, {r.challenge, row.Challenge}, {r.route, row.Route}, {r.result, row.Result},
		{r.sdk, row.SDK}, {r.fbEvent, row.FeedbackEvent}, {r.verdict, row.Verdict}, {r.author, row.Author}, {r.rest, row.Rest}, {r.versions, row.Versions},
	} {
		c.to.add(c.v)
	}
	r.ts.add(row.Time)
	r.received.add(row.Received)
	r.authTime.add(row.AuthTime)
	r.amr.add(row.AMR)
	r.ip.add(row.IP)
	r.rtt.add(row.RTT)
	r.asn.add(row.ASN)
	r.count.add(row.Count)
	r.ipUsers.add(row.IPUsers)
	r.ipFailedUsers.add(row.IPFailedUsers)
	r.ipFailures.add(row.IPFailures)
	r.deviceUsers.add(row.DeviceUsers)
	r.given.add(uint32(row.Given))
	r.located.add(row.Located)
	r.lat.add(row.Lat)
	r.lon.add(row.Lon)
	r.accuracy.add(row.AccuracyKM)
	r.browserMajor.add(row.BrowserMajor)
	r.osMajor.add(row.OSMajor)
	r.bytes.add(row.Bytes)
	r.decision.add(row.Decision)
	r.policies.add(p.policies)
	r.attributes.add(row.Attributes)
}

// sessionOf is the session an entry counts to: the decision's, which names the synthetic one too.
func sessionOf(e *riskdv1.JournalEntry) string {
	if s := e.Decision.GetSessionId(); s != "" {
		return s
	}
	if s := e.Event.GetSession().GetId(); s != "" {
		return s
	}
	return "u:" + e.Event.GetUser().GetId()
}
