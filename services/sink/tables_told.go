package sink

import (
	"net/netip"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What apps were told, what they did, and what was no event. The columns are those of schemas/clickhouse, where they are described.

type signalRows struct {
	frame
	placeCols
	tenant, challenge, state, user, session, event, cause, level, previous *vec[string]
	onExpiry, scope, policy, version, rule, reasonUser                     *vec[string]
	revision                                                               *vec[uint64]
	ts, issued, expires                                                    *vec[int64]
	risk                                                                   *vec[float64]
	reasons, acr, amr                                                      *vec[[]string]
	maxAge, latency                                                        *vec[uint32]
	nth                                                                    *vec[uint16]
}

func newSignalRows(room int) *signalRows {
	r := &signalRows{frame: frame{name: "signals", room: room}}
	f := &r.frame
	r.placeCols = newPlaceCols(f)
	r.tenant, r.challenge, r.state = col[string](f, "tenant"), col[string](f, "challenge_id"), col[string](f, "state")
	r.user, r.session, r.event = col[string](f, "user_id"), col[string](f, "session_id"), col[string](f, "event_id")
	r.cause, r.level, r.previous = col[string](f, "cause"), col[string](f, "level"), col[string](f, "previous_level")
	r.onExpiry, r.policy, r.version = col[string](f, "on_expiry"), col[string](f, "policy"), col[string](f, "policy_version")
	r.rule, r.reasonUser, r.scope = col[string](f, "rule"), col[string](f, "reason_user"), col[string](f, "scope")
	r.revision, r.nth = col[uint64](f, "revision"), col[uint16](f, "nth")
	r.maxAge, r.latency = col[uint32](f, "max_age_s"), col[uint32](f, "latency_ms")
	r.ts, r.issued, r.expires = col[int64](f, "ts"), col[int64](f, "issued_at"), col[int64](f, "expires_at")
	r.risk = col[float64](f, "risk")
	r.reasons, r.acr, r.amr = col[[]string](f, "reasons"), col[[]string](f, "acr_values"), col[[]string](f, "amr_values")
	return r
}

func (r *signalRows) add(p place, nth int, s *riskdv1.Signal, latency uint32) {
	r.placeCols.add(p)
	r.latency.add(latency)
	r.tenant.add(s.GetTenantId())
	r.challenge.add(s.GetChallengeId())
	r.state.add(s.GetState())
	r.user.add(s.GetUserId())
	r.session.add(s.GetSessionId())
	r.event.add(s.GetEventId())
	r.cause.add(s.GetCause())
	r.level.add(s.GetRisk().GetLevel())
	r.previous.add(s.GetRisk().GetPreviousLevel())
	r.onExpiry.add(s.GetOnExpiry())
	r.scope.add(scopeText(s.GetScope()))
	r.policy.add(s.GetPolicy().GetId())
	r.version.add(s.GetPolicy().GetVersion())
	r.rule.add(s.GetPolicy().GetRule())
	r.reasonUser.add(s.GetReasonUser())
	r.revision.add(s.GetRevision())
	r.nth.add(uint16(nth))
	r.maxAge.add(s.GetRequire().GetMaxAgeS())
	r.ts.add(millis(s.GetAtMs()))
	r.issued.add(millis(s.GetIssuedAtMs()))
	r.expires.add(millis(s.GetExpiresAtMs()))
	r.risk.add(s.GetRisk().GetScore())
	r.reasons.add(s.GetRisk().GetReasons())
	r.acr.add(s.GetRequire().GetAcrValues())
	r.amr.add(s.GetRequire().GetAmrValues())
}

type enforcementRows struct {
	frame
	placeCols
	tenant, challenge, kind, event, source, user, session, action, outcome *vec[string]
	route, result, sdk, resType, resID, sensitivity, acr, reason, state    *vec[string]
	ts, authTime                                                           *vec[int64]
	amr                                                                    *vec[[]string]
	ip                                                                     *vec[netip.Addr]
}

func newEnforcementRows(room int) *enforcementRows {
	r := &enforcementRows{frame: frame{name: "enforcement", room: room}}
	f := &r.frame
	r.placeCols = newPlaceCols(f)
	r.tenant, r.challenge, r.kind = col[string](f, "tenant"), col[string](f, "challenge_id"), col[string](f, "kind")
	r.event, r.source, r.user = col[string](f, "event_id"), col[string](f, "source"), col[string](f, "user_id")
	r.session, r.action, r.outcome = col[string](f, "session_id"), col[string](f, "action"), col[string](f, "outcome")
	r.route, r.result, r.sdk = col[string](f, "route"), col[string](f, "result"), col[string](f, "sdk")
	r.resType, r.resID, r.sensitivity = col[string](f, "resource_type"), col[string](f, "resource_id"), col[string](f, "sensitivity")
	r.acr, r.reason, r.state = col[string](f, "acr"), col[string](f, "reason"), col[string](f, "session_state")
	r.ts, r.authTime = col[int64](f, "ts"), col[int64](f, "auth_time")
	r.amr, r.ip = col[[]string](f, "amr"), col[netip.Addr](f, "ip")
	return r
}

func (r *enforcementRows) add(p place, kind string, e *riskdv1.JournalEntry) {
	ev := e.Event
	r.placeCols.add(p)
	r.tenant.add(ev.GetTenantId())
	challenge := ev.GetChallengeId()
	if challenge == "" {
		challenge = e.Decision.GetChallengeId()
	}
	r.challenge.add(challenge)
	r.kind.add(kind)
	r.event.add(ev.GetId())
	r.source.add(ev.GetSource())
	r.user.add(ev.GetUser().GetId())
	r.session.add(sessionOf(e))
	r.action.add(ev.GetAction())
	r.outcome.add(ev.GetOutcome())
	r.route.add(ev.GetEnforcement().GetRoute())
	r.result.add(ev.GetEnforcement().GetResult())
	r.sdk.add(ev.GetEnforcement().GetSdk())
	r.resType.add(ev.GetResource().GetType())
	r.resID.add(ev.GetResource().GetId())
	r.sensitivity.add(ev.GetResource().GetSensitivity())
	r.acr.add(ev.GetSession().GetAcr())
	r.reason.add(ev.GetReason())
	r.state.add(e.Decision.GetSessionState())
	r.ts.add(millis(ev.GetTimeMs()))
	r.authTime.add(millis(ev.GetSession().GetAuthTimeMs()))
	r.amr.add(ev.GetSession().GetAmr())
	r.ip.add(wire.Addr(ev))
}

type deadRows struct {
	frame
	placeCols
	reason, detail, tenant, event, source, user, raw *vec[string]
	received, ts                                     *vec[int64]
	input                                            *vec[uint64]
}

func newDeadRows(room int) *deadRows {
	r := &deadRows{frame: frame{name: "dead_letters", room: room}}
	f := &r.frame
	r.placeCols = newPlaceCols(f)
	r.reason, r.detail, r.tenant = col[string](f, "reason"), col[string](f, "detail"), col[string](f, "tenant")
	r.event, r.source, r.user, r.raw = col[string](f, "event_id"), col[string](f, "source"), col[string](f, "user_id"), col[string](f, "raw")
	r.received, r.ts, r.input = col[int64](f, "received_at"), col[int64](f, "ts"), col[uint64](f, "input")
	return r
}

func (r *deadRows) add(p place, e *riskdv1.JournalEntry) {
	ev := e.Event
	r.placeCols.add(p)
	r.reason.add(e.Reason)
	r.detail.add(e.Detail)
	r.tenant.add(ev.GetTenantId())
	r.event.add(ev.GetId())
	r.source.add(ev.GetSource())
	r.user.add(ev.GetUser().GetId())
	r.raw.add(string(e.Raw))
	r.received.add(millis(e.Enrichment.GetReceivedMs()))
	r.ts.add(millis(ev.GetTimeMs()))
	r.input.add(e.Input)
}
