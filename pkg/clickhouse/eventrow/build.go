package eventrow

import (
	"fmt"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Event is what the row was made of. The enrichment is nil where there was none. ErrInexact: it cannot be told any more.
func (r *Row) Event() (*riskdv1.Event, *riskdv1.Enrichment, error) {
	if r.Given&Exact == 0 {
		return nil, nil, ErrInexact
	}
	if r.Rest != "" {
		var whole riskdv1.JournalEntry
		if err := whole.UnmarshalVT([]byte(r.Rest)); err != nil {
			return nil, nil, fmt.Errorf("reading event %q: %w", r.ID, err)
		}
		return whole.Event, whole.Enrichment, nil
	}
	ev, en := r.build()
	return ev, en, nil
}

// has tells whether a bit is set.
func (r *Row) has(g Given) bool { return r.Given&g != 0 }

// build makes event and enrichment of the columns alone.
func (r *Row) build() (*riskdv1.Event, *riskdv1.Enrichment) {
	ev := &riskdv1.Event{
		Id: r.ID, Source: r.Source, Type: r.Type, TimeMs: r.Time, TenantId: r.Tenant, Action: r.Action, Outcome: r.Outcome, Count: r.Count, Bytes: r.Bytes,
		ChallengeId: r.Challenge, Reason: r.Reason,
	}
	if len(r.Attributes) > 0 {
		ev.Attributes = r.Attributes
	}
	if r.has(NoCount) {
		ev.Count = 0
	}
	if r.has(HasUser) {
		ev.User = &riskdv1.User{Id: r.User, Kind: r.UserKind}
		if r.has(NoUserKind) {
			ev.User.Kind = ""
		}
	}
	if r.has(HasSession) {
		ev.Session = &riskdv1.Session{Id: r.Session, AuthTimeMs: r.AuthTime, Acr: r.ACR, Amr: r.AMR}
		if r.has(NoSession) {
			ev.Session.Id = ""
		}
	}
	if r.has(HasDevice) {
		ev.Device = &riskdv1.Device{Id: r.Device}
	}
	if r.has(HasHTTP) {
		ev.Http = &riskdv1.Http{UserAgent: r.UserAgent}
	}
	if r.has(HasResource) {
		ev.Resource = &riskdv1.Resource{Type: r.ResourceType, Id: r.ResourceID, Sensitivity: r.Sensitivity}
	}
	if r.has(HasReceipt) {
		ev.Enforcement = &riskdv1.Enforcement{Route: r.Route, Result: r.Result, Sdk: r.SDK}
	}
	if r.has(HasFeedback) {
		ev.Feedback = &riskdv1.Feedback{EventId: r.FeedbackEvent, Verdict: r.Verdict, Author: r.Author}
	}
	if r.has(HasNetwork) {
		ev.Network = r.sentNetwork()
	}
	if !r.has(HasEnrichment) {
		return ev, nil
	}
	en := &riskdv1.Enrichment{Asn: r.ASN, AsOrg: r.ASOrg, Kind: r.NetworkKind, ReceivedMs: r.Received}
	if r.has(HasGeo) {
		en.Geo = r.place()
	}
	if r.has(HasAgent) {
		en.Agent = &riskdv1.Agent{Browser: r.Browser, BrowserMajor: uint32(r.BrowserMajor), Os: r.OS, OsMajor: uint32(r.OSMajor), DeviceClass: r.Class}
	}
	if r.has(HasCrowd) {
		en.Crowd = &riskdv1.Crowd{IpFailedUsers: r.IPFailedUsers, IpUsers: r.IPUsers, DeviceUsers: r.DeviceUsers, IpFailures: r.IPFailures}
	}
	return ev, en
}

// sentNetwork is the network as the app sent it.
func (r *Row) sentNetwork() *riskdv1.Network {
	n := &riskdv1.Network{RttMs: r.RTT}
	if r.IP.IsValid() {
		n.Ip = r.IP.String()
	}
	if r.has(OwnGeo) {
		n.Geo = r.place()
	}
	if r.has(OwnASN) {
		n.Asn = r.ASN
	}
	if r.has(OwnASOrg) {
		n.AsOrg = r.ASOrg
	}
	if r.has(OwnKind) {
		n.Kind = r.NetworkKind
	}
	return n
}

func (r *Row) place() *riskdv1.Geo {
	return &riskdv1.Geo{Lat: r.Lat, Lon: r.Lon, AccuracyKm: r.AccuracyKM, Country: r.Country, City: r.City, AtOrigin: r.has(AtOrigin)}
}
