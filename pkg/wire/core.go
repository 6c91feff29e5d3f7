package wire

import (
	"slices"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ToEvent fills out from a validated event and its enrichment. What the enrichment knows holds (it has already
// preferred trusted upstream values); where it is nil or silent, the event's own network values hold. out's memory is used again; its strings
// are pb's and en's, not copies.
//
// It fails only on events that Validate would refuse.
func ToEvent(pb *riskdv1.Event, en *riskdv1.Enrichment, out *event.Event) error {
	p := borrow(pb)
	defer p.giveBack()
	if err := p.parse(); err != nil {
		return err
	}
	return p.ToEvent(en, out)
}

// ToEvent is the function of that name for the event in hand.
func (p *Parsed) ToEvent(en *riskdv1.Enrichment, out *event.Event) error {
	// Field by field: a whole value would be made elsewhere and copied.
	pb, user, sess, res := p.Event, p.Event.User, p.Event.Session, p.Event.Resource
	out.ID, out.Source, out.Type = pb.Id, pb.Source, p.typ
	out.Time, out.Received, out.StepUpAt = event.Millis(pb.TimeMs), event.Millis(en.GetReceivedMs()), en.GetStepUpAt()
	out.Tenant = pb.TenantId
	out.User.ID, out.User.Kind = user.GetId(), p.user
	out.Session.ID, out.Session.AuthTime = sess.GetId(), event.Millis(sess.GetAuthTimeMs())
	out.Session.ACR, out.Session.AMR = sess.GetAcr(), append(out.Session.AMR[:0], sess.GetAmr()...)
	out.Device, out.Action = pb.Device.GetId(), pb.Action
	out.Resource.Type, out.Resource.ID, out.Resource.Sensitivity = res.GetType(), res.GetId(), p.sensitivity
	out.Outcome, out.Count, out.Bytes = p.outcome, max(pb.Count, 1), pb.Bytes
	out.Attributes = append(out.Attributes[:0], p.Attributes...)
	out.ChallengeID, out.Reason = pb.ChallengeId, pb.Reason
	out.Enforcement, out.Feedback = event.Enforcement{}, event.Feedback{}
	if e := pb.Enforcement; e != nil {
		out.Enforcement = event.Enforcement{Route: e.Route, Result: e.Result, SDK: e.Sdk}
	}
	if f := pb.Feedback; f != nil {
		out.Feedback = event.Feedback{EventID: f.EventId, Verdict: f.Verdict, Author: f.Author}
	}
	a, c := en.GetAgent(), en.GetCrowd()
	out.Agent.Raw = pb.Http.GetUserAgent()
	out.Agent.Browser, out.Agent.BrowserMajor = a.GetBrowser(), a.GetBrowserMajor()
	out.Agent.OS, out.Agent.OSMajor, out.Agent.Class = a.GetOs(), a.GetOsMajor(), a.GetDeviceClass()
	out.Crowd.IPFailedUsers, out.Crowd.IPUsers = c.GetIpFailedUsers(), c.GetIpUsers()
	out.Crowd.DeviceUsers, out.Crowd.IPFailures = c.GetDeviceUsers(), c.GetIpFailures()
	return p.toNetwork(en, &out.Network)
}

func (p *Parsed) toNetwork(en *riskdv1.Enrichment, out *event.Network) error {
	n := p.Event.Network
	out.IP, out.RTT, out.Kind = p.Addr, n.GetRttMs(), p.network
	out.ASN, out.ASOrg = en.GetAsn(), en.GetAsOrg()
	if out.ASN == 0 {
		out.ASN = n.GetAsn()
	}
	if out.ASOrg == "" {
		out.ASOrg = n.GetAsOrg()
	}
	if name := en.GetKind(); name != "" {
		if err := readKind(name, &out.Kind); err != nil {
			return err
		}
	}
	if out.Place = Place(en.GetGeo()); !out.Place.Known && out.Place.Country == "" {
		out.Place = Place(n.GetGeo())
	}
	return nil
}

// Place is the core's form of a position. Coordinates outside the globe, NaN, and the pair 0, 0
// without at_origin are unknown; country and city are kept either way.
func Place(g *riskdv1.Geo) event.Place {
	if g == nil {
		return event.Place{}
	}
	p := event.Place{Country: g.Country, City: g.City}
	if positionOK(g.Lat, g.Lon) && (g.Lat != 0 || g.Lon != 0 || g.AtOrigin) {
		p.Known, p.Lat, p.Lon = true, g.Lat, g.Lon
		if g.AccuracyKm > 0 && g.AccuracyKm <= maxAccuracyKM {
			p.RadiusKM = g.AccuracyKm
		}
	}
	return p
}

// FromDecision writes d to out, reusing out's memory. out then shares no slices with d.
func FromDecision(d *decision.Decision, out *riskdv1.Decision) {
	scores, hits, shadow := out.Scores, out.Hits[:0], out.ShadowHits[:0] // all fields are set below: no Reset, which is slow
	if scores == nil {
		scores = new(riskdv1.Scores)
	}
	scores.ImpossibleTravel, scores.NewDevice, scores.Deviation =
		d.Scores.ImpossibleTravel, d.Scores.NewDevice, d.Scores.Deviation
	out.EventId, out.TenantId, out.UserId, out.SessionId = d.EventID, d.Tenant, d.User, d.Session
	out.TimeMs = int64(d.Time)
	out.Risk, out.Level, out.Action, out.Scores = d.Risk, d.Level, string(d.Action), scores
	out.Unknown = append(out.Unknown[:0], d.Unknown...)
	for i := range d.Hits {
		if h := &d.Hits[i]; h.Shadow {
			shadow = append(shadow, h.Rule)
		} else {
			hits = append(hits, h.Rule)
		}
	}
	out.Hits, out.ShadowHits = hits, shadow
	out.ChallengeId, out.SessionState, out.Rule = d.ChallengeID, d.SessionState, d.Rule
	out.PeakFrom, out.PeakTo = d.PeakFrom, d.PeakTo
	out.Policy, out.Baseline, out.Geo, out.Engine = d.Policy, d.Baseline, d.Geo, d.Engine
	out.Parts = resize(out.Parts, len(d.Parts))
	for i := range d.Parts {
		fromPart(&d.Parts[i], out.Parts[i])
	}
	out.Signals = FromSignals(d.Signals) // handed on, not used again
}

// FromSignals makes new messages of all, nil of none.
func FromSignals(all []signal.Signal) (out []*riskdv1.Signal) {
	for i := range all {
		s := new(riskdv1.Signal)
		FromSignal(&all[i], s)
		out = append(out, s)
	}
	return out
}

func fromPart(p *decision.Part, out *riskdv1.Part) {
	out.Code, out.Nats = p.Code, p.Nats
	out.Detail = resize(out.Detail, len(p.Detail))
	for i := range p.Detail {
		from, to := &p.Detail[i], out.Detail[i]
		to.Key = from.Key
		if from.IsText {
			if v, ok := to.Value.(*riskdv1.Detail_Text); ok {
				v.Text = from.Text
			} else {
				to.Value = &riskdv1.Detail_Text{Text: from.Text}
			}
			continue
		}
		if v, ok := to.Value.(*riskdv1.Detail_Number); ok {
			v.Number = from.Number
		} else {
			to.Value = &riskdv1.Detail_Number{Number: from.Number}
		}
	}
}

// resize makes s n long; elements it held before, also beyond its length, are used again.
func resize[T any](s []*T, n int) []*T {
	s = s[:cap(s)]
	if len(s) < n {
		s = append(s, make([]*T, n-len(s))...)
	}
	s = s[:n]
	for i := range s {
		if s[i] == nil {
			s[i] = new(T)
		}
	}
	return s
}

// FromSignal writes s to out. out shares no slices with s.
func FromSignal(s *signal.Signal, out *riskdv1.Signal) {
	out.Reset()
	out.ChallengeId, out.Revision = s.ChallengeID, s.Revision
	out.TenantId, out.UserId, out.SessionId = s.Tenant, s.User, s.Session
	out.State = string(s.State)
	out.Risk = &riskdv1.SignalRisk{
		Score: s.Score, Level: s.Level, PreviousLevel: s.PreviousLevel, Reasons: slices.Clone(s.Reasons),
	}
	out.Require = &riskdv1.Requirement{
		AcrValues: slices.Clone(s.Require.ACR), AmrValues: slices.Clone(s.Require.AMR),
		MaxAgeS: s.Require.MaxAgeSeconds,
	}
	out.IssuedAtMs, out.ExpiresAtMs, out.AtMs = int64(s.Issued), int64(s.Expires), int64(s.At)
	out.OnExpiry = s.OnExpiry
	if !s.Scope.Whole() {
		out.Scope = &riskdv1.Scope{
			Action: s.Scope.Action, ResourceType: s.Scope.ResourceType, ResourceId: s.Scope.ResourceID, Sensitivity: sensitivityNames[s.Scope.Class],
		}
	}
	out.Policy = &riskdv1.PolicyRef{Id: s.PolicyID, Version: s.PolicyVersion, Rule: s.Rule}
	out.EventId, out.ReasonUser, out.Cause = s.EventID, s.ReasonUser, s.Cause
}

// ToSignal is the inverse of [FromSignal].
func ToSignal(pb *riskdv1.Signal, out *signal.Signal) {
	class, _ := parseSensitivity(pb.Scope.GetSensitivity()) // a class of later times narrows nothing
	*out = signal.Signal{
		ChallengeID: pb.ChallengeId, Revision: pb.Revision,
		Tenant: pb.TenantId, User: pb.UserId, Session: pb.SessionId,
		State: signal.State(pb.State),
		Score: pb.Risk.GetScore(), Level: pb.Risk.GetLevel(), PreviousLevel: pb.Risk.GetPreviousLevel(),
		Reasons: slices.Clone(pb.Risk.GetReasons()),
		Require: signal.Requirement{
			ACR: slices.Clone(pb.Require.GetAcrValues()), AMR: slices.Clone(pb.Require.GetAmrValues()),
			MaxAgeSeconds: pb.Require.GetMaxAgeS(),
		},
		Issued: event.Millis(pb.IssuedAtMs), Expires: event.Millis(pb.ExpiresAtMs), At: event.Millis(pb.AtMs),
		OnExpiry: pb.OnExpiry,
		Scope: signal.Scope{
			Action: pb.Scope.GetAction(), ResourceType: pb.Scope.GetResourceType(), ResourceID: pb.Scope.GetResourceId(),
			Class: class,
		},
		PolicyID: pb.Policy.GetId(), PolicyVersion: pb.Policy.GetVersion(), Rule: pb.Policy.GetRule(),
		EventID: pb.EventId, ReasonUser: pb.ReasonUser, Cause: pb.Cause,
	}
}
