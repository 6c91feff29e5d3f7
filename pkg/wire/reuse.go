package wire

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// recycle empties ev and keeps its memory. Parts that stay allocated are empty, which everywhere
// means the same as absent. It clears field by field, since the Reset of a message also makes it look up its type again.
func recycle(ev *riskdv1.Event) {
	ev.Id, ev.Source, ev.Type, ev.TimeMs, ev.TenantId = "", "", "", 0, ""
	ev.Action, ev.Outcome, ev.Count, ev.Bytes = "", "", 0, 0
	ev.ChallengeId, ev.Reason = "", ""
	if u := ev.User; u != nil {
		u.Id, u.Kind = "", ""
	}
	if s := ev.Session; s != nil {
		clear(s.Amr)
		s.Id, s.AuthTimeMs, s.Acr, s.Amr = "", 0, "", s.Amr[:0]
	}
	if d := ev.Device; d != nil {
		d.Id = ""
	}
	if n := ev.Network; n != nil {
		n.Ip, n.RttMs, n.Asn, n.AsOrg, n.Kind = "", 0, 0, "", ""
		if g := n.Geo; g != nil {
			g.Lat, g.Lon, g.AccuracyKm, g.Country, g.City, g.AtOrigin = 0, 0, 0, "", "", false
		}
	}
	if h := ev.Http; h != nil {
		h.UserAgent = ""
	}
	if r := ev.Resource; r != nil {
		r.Type, r.Id, r.Sensitivity = "", "", ""
	}
	clear(ev.Attributes)
	if e := ev.Enforcement; e != nil {
		e.Route, e.Result, e.Sdk = "", "", ""
	}
	if f := ev.Feedback; f != nil {
		f.EventId, f.Verdict, f.Author = "", "", ""
	}
}
