package wire

import (
	"slices"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Encoders append one JSON object without a line end. The same value always gives the same bytes:
// members in the contract's order, attributes sorted, numbers in their shortest round-trip form,
// times in UTC with milliseconds only when there are any.

// AppendDecisionJSON appends the decision's line. Members of the contract are always there, empty
// or not; rule, hits, shadow_hits and signals, which most decisions lack, only when they have something to say.
func AppendDecisionJSON(dst []byte, d *riskdv1.Decision) []byte {
	o := begin(dst)
	o.text("event_id", d.EventId)
	o.text("tenant_id", d.TenantId)
	o.text("user_id", d.UserId)
	o.text("session_id", d.SessionId)
	o.time("time", d.TimeMs)
	o.number("risk", d.Risk)
	o.text("level", d.Level)
	o.text("action", d.Action)
	o.open("scores", '{')
	o.number("impossible_travel", d.Scores.GetImpossibleTravel())
	o.number("new_device", d.Scores.GetNewDevice())
	o.number("deviation", d.Scores.GetDeviation())
	o.close('}')
	o.open("parts", '[')
	for _, p := range d.Parts {
		o.comma()
		o.b = append(o.b, '{')
		o.text("code", p.Code)
		o.number("nats", p.Nats)
		o.open("detail", '{')
		for _, x := range p.Detail {
			if v, ok := x.Value.(*riskdv1.Detail_Text); ok {
				o.text(x.Key, v.Text)
			} else {
				o.number(x.Key, x.GetNumber())
			}
		}
		o.close('}')
		o.close('}')
	}
	o.close(']')
	o.texts("unknown", d.Unknown)
	o.text("challenge_id", d.ChallengeId)
	o.text("session_state", d.SessionState)
	o.text("policy", d.Policy)
	o.text("baseline", d.Baseline)
	o.text("geo", d.Geo)
	o.text("engine", d.Engine)
	o.maybe("rule", d.Rule)
	if len(d.Hits) > 0 {
		o.texts("hits", d.Hits)
	}
	if len(d.ShadowHits) > 0 {
		o.texts("shadow_hits", d.ShadowHits)
	}
	if len(d.Signals) > 0 {
		o.open("signals", '[')
		for _, s := range d.Signals {
			o.comma()
			o.b = AppendSignalJSON(o.b, s)
		}
		o.close(']')
	}
	o.close('}')
	return o.b
}

// AppendSignalJSON appends the signal as apps see it.
func AppendSignalJSON(dst []byte, s *riskdv1.Signal) []byte {
	o := begin(dst)
	o.text("challenge_id", s.ChallengeId)
	o.uint("revision", s.Revision)
	o.text("tenant_id", s.TenantId)
	o.open("user", '{')
	o.text("id", s.UserId)
	o.close('}')
	o.text("session_id", s.SessionId)
	o.text("state", s.State)
	o.open("risk", '{')
	o.number("score", s.Risk.GetScore())
	o.text("level", s.Risk.GetLevel())
	o.text("previous_level", s.Risk.GetPreviousLevel())
	o.texts("reasons", s.Risk.GetReasons())
	o.close('}')
	o.open("require", '{')
	o.texts("acr_values", s.Require.GetAcrValues())
	o.texts("amr_values", s.Require.GetAmrValues())
	o.uint("max_age", uint64(s.Require.GetMaxAgeS()))
	o.close('}')
	if s.Scope != nil {
		o.open("scope", '{')
		o.maybe("action", s.Scope.Action)
		o.maybe("resource_type", s.Scope.ResourceType)
		o.maybe("resource_id", s.Scope.ResourceId)
		o.maybe("sensitivity", s.Scope.Sensitivity)
		o.close('}')
	}
	o.time("issued_at", s.IssuedAtMs)
	o.time("expires_at", s.ExpiresAtMs)
	o.text("on_expiry", s.OnExpiry)
	o.open("policy", '{')
	o.text("id", s.Policy.GetId())
	o.text("version", s.Policy.GetVersion())
	o.text("rule", s.Policy.GetRule())
	o.close('}')
	o.text("event_id", s.EventId)
	o.open("reason_user", '{')
	o.maybe("en", s.ReasonUser)
	o.close('}')
	o.time("at", s.AtMs)
	o.text("cause", s.Cause)
	o.close('}')
	return o.b
}

// AppendEventJSON appends the event as a structured CloudEvent. Absent values are left out;
// decoding the result gives the same event.
func AppendEventJSON(dst []byte, ev *riskdv1.Event) []byte {
	o := begin(dst)
	o.text("specversion", "1.0")
	o.text("id", ev.Id)
	o.text("source", ev.Source)
	o.text("type", ev.Type)
	o.time("time", ev.TimeMs)
	o.text("datacontenttype", MediaJSON)
	o.open("data", '{')
	o.data(ev)
	o.close('}')
	o.close('}')
	return o.b
}

func (o *object) data(ev *riskdv1.Event) {
	o.text("tenant_id", ev.TenantId)
	o.open("user", '{')
	o.text("id", ev.User.GetId())
	o.maybe("kind", ev.User.GetKind())
	o.close('}')
	if s := ev.Session; s != nil && (s.Id != "" || s.AuthTimeMs != 0 || s.Acr != "" || len(s.Amr) > 0) {
		o.open("session", '{')
		o.maybe("id", s.Id)
		if s.AuthTimeMs != 0 {
			o.time("auth_time", s.AuthTimeMs)
		}
		o.maybe("acr", s.Acr)
		if len(s.Amr) > 0 {
			o.texts("amr", s.Amr)
		}
		o.close('}')
	}
	if ev.Device.GetId() != "" {
		o.open("device", '{')
		o.text("id", ev.Device.Id)
		o.close('}')
	}
	o.network(ev.Network)
	if ev.Http.GetUserAgent() != "" {
		o.open("http", '{')
		o.text("user_agent", ev.Http.UserAgent)
		o.close('}')
	}
	o.text("action", ev.Action)
	if r := ev.Resource; r != nil && (r.Type != "" || r.Id != "" || r.Sensitivity != "") {
		o.open("resource", '{')
		o.maybe("type", r.Type)
		o.maybe("id", r.Id)
		o.maybe("sensitivity", r.Sensitivity)
		o.close('}')
	}
	o.text("outcome", ev.Outcome)
	o.maybeUint("count", uint64(ev.Count))
	o.maybeUint("bytes", ev.Bytes)
	if len(ev.Attributes) > 0 {
		keys := make([]string, 0, MaxAttributes)
		for k := range ev.Attributes {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		o.open("attributes", '{')
		for _, k := range keys {
			o.text(k, ev.Attributes[k])
		}
		o.close('}')
	}
	o.maybe("challenge_id", ev.ChallengeId)
	o.maybe("reason", ev.Reason)
	if e := ev.Enforcement; e != nil && (e.Route != "" || e.Result != "" || e.Sdk != "") {
		o.open("enforcement", '{')
		o.maybe("route", e.Route)
		o.maybe("result", e.Result)
		o.maybe("sdk", e.Sdk)
		o.close('}')
	}
	if f := ev.Feedback; f != nil && (f.EventId != "" || f.Verdict != "" || f.Author != "") {
		o.open("feedback", '{')
		o.maybe("event_id", f.EventId)
		o.maybe("verdict", f.Verdict)
		o.maybe("author", f.Author)
		o.close('}')
	}
}

func (o *object) network(n *riskdv1.Network) {
	if n == nil {
		return
	}
	p := Place(n.Geo)
	located := p.Known || p.Country != "" || p.City != ""
	if n.Ip == "" && n.RttMs == 0 && !located && n.Asn == 0 && n.AsOrg == "" && n.Kind == "" {
		return
	}
	o.open("network", '{')
	o.maybe("ip", n.Ip)
	o.maybeUint("rtt_ms", uint64(n.RttMs))
	if located {
		o.open("geo", '{')
		if p.Known {
			o.number("lat", p.Lat)
			o.number("lon", p.Lon)
			if p.RadiusKM > 0 {
				o.number("accuracy_km", p.RadiusKM)
			}
		}
		o.maybe("country", p.Country)
		o.maybe("city", p.City)
		o.close('}')
	}
	o.maybeUint("asn", uint64(n.Asn))
	o.maybe("as_org", n.AsOrg)
	o.maybe("kind", n.Kind)
	o.close('}')
}
