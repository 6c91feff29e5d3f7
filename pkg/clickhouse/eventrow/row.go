// Package eventrow turns an event and its enrichment into a row of the table events, and a row back into both, byte for
// byte: a backtest from ClickHouse sees what one from the journal sees.
//
// Columns hold values in the form analysts ask about (an address as IPv6, a person where the app said nothing). Given says
// how the app had sent them. Of proves each row by building it back; where that does not give the same bytes, Rest holds
// the whole. Functions have no state; a Row is used by one goroutine.
package eventrow

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"slices"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// ErrInexact is returned for rows from before the schema could hold an event exactly (file 014).
var ErrInexact = errors.New("the row was written before events could be rebuilt from it")

// Given are bits of the column given. They are stored: new ones are added at the end.
type Given uint32

// What the bits say.
const (
	Exact         Given = 1 << iota // the row can be built back
	NoSession                       // session_id is derived: the app sent none
	NoUserKind                      // user_kind is derived: the app sent none
	NoCount                         // count is derived: the app sent none
	OwnGeo                          // the app sent the place
	OwnASN                          // the app sent the number of the network
	OwnASOrg                        // the app sent its organisation
	OwnKind                         // the app sent its kind
	HasUser                         // the message was there, whatever was in it; so below
	HasSession                      //
	HasDevice                       //
	HasNetwork                      //
	HasHTTP                         //
	HasResource                     //
	HasReceipt                      //
	HasFeedback                     //
	HasEnrichment                   //
	HasGeo                          // the enrichment has a place
	HasAgent                        // and an agent
	HasCrowd                        // and counts of others
	AtOrigin                        // latitude and longitude are 0 and meant so
)

// Row is what an event makes of the columns of table events. Times are Unix milliseconds; columns hold no times before
// 1970 or after 2255, and the nearest stands for those.
type Row struct {
	Tenant, ID, Source, Type           string
	Time, Received, AuthTime           int64
	User, UserKind, Session, ACR       string
	AMR                                []string
	Device                             string
	IP                                 netip.Addr // the zero Addr is unknown
	RTT                                uint32
	Country, City                      string
	Located                            bool
	Lat, Lon, AccuracyKM               float64
	ASN                                uint32
	ASOrg, NetworkKind                 string
	UserAgent, Browser, OS, Class      string
	BrowserMajor, OSMajor              uint16
	Action, Outcome                    string
	ResourceType, ResourceID           string
	Sensitivity                        string
	Count                              uint32
	Bytes                              uint64
	Attributes                         map[string]string
	Challenge, Reason                  string
	Route, Result, SDK                 string
	FeedbackEvent, Verdict, Author     string
	IPUsers, IPFailedUsers, IPFailures uint32
	DeviceUsers                        uint32
	Given                              Given
	// Decision is the digest of what was decided, see [Digest]; 0: nothing, or not known.
	Decision uint64
	// Revision of the policies that judged it; 0: those riskd was started with.
	Revision uint64
	// Versions are policy, baseline, engine and geo data that judged it, tab-separated.
	Versions string
	// Rest is the event and its enrichment as a JournalEntry, or empty.
	Rest string
}

// maxMillis is in the year 2255; times beyond what a column can hold become it.
const maxMillis = 9_000_000_000_000

// Millis keeps a time within what every column and expression of the schema can hold.
func Millis(ms int64) int64 { return min(max(ms, 0), maxMillis) }

// Of fills a row from a journal entry. session is what the event counts to (a decision may have put it into a branch);
// the row shares strings, methods and attributes with the entry. A late event's reason is riskd's own code.
func Of(e *riskdv1.JournalEntry, session string) Row {
	ev, en := e.Event, e.Enrichment
	r := Row{
		Tenant: ev.GetTenantId(), ID: ev.GetId(), Source: ev.GetSource(), Type: ev.GetType(), Time: Millis(ev.GetTimeMs()), Received: Millis(en.GetReceivedMs()),
		User: ev.GetUser().GetId(), UserKind: ev.GetUser().GetKind(), Session: session, ACR: ev.GetSession().GetAcr(), AMR: ev.GetSession().GetAmr(),
		AuthTime: Millis(ev.GetSession().GetAuthTimeMs()), Device: ev.GetDevice().GetId(), UserAgent: ev.GetHttp().GetUserAgent(),
		Browser: en.GetAgent().GetBrowser(), OS: en.GetAgent().GetOs(), Class: en.GetAgent().GetDeviceClass(),
		BrowserMajor: small(en.GetAgent().GetBrowserMajor()), OSMajor: small(en.GetAgent().GetOsMajor()),
		Action: ev.GetAction(), Outcome: ev.GetOutcome(), ResourceType: ev.GetResource().GetType(), ResourceID: ev.GetResource().GetId(),
		Sensitivity: ev.GetResource().GetSensitivity(), Count: max(ev.GetCount(), 1), Bytes: ev.GetBytes(), Attributes: ev.GetAttributes(),
		Challenge: ev.GetChallengeId(), Reason: ev.GetReason(), Route: ev.GetEnforcement().GetRoute(), Result: ev.GetEnforcement().GetResult(),
		SDK: ev.GetEnforcement().GetSdk(), FeedbackEvent: ev.GetFeedback().GetEventId(), Verdict: ev.GetFeedback().GetVerdict(), Author: ev.GetFeedback().GetAuthor(),
		IPUsers: en.GetCrowd().GetIpUsers(), IPFailedUsers: en.GetCrowd().GetIpFailedUsers(), IPFailures: en.GetCrowd().GetIpFailures(), DeviceUsers: en.GetCrowd().GetDeviceUsers(),
	}
	if r.UserKind == "" {
		r.UserKind = "person"
	}
	r.network(ev, en)
	late := e.Status == riskdv1.JournalEntry_STATUS_LATE
	if late {
		r.Reason = ""
	}
	if ev != nil {
		r.Given = givenBy(ev, en)
		r.prove(ev, en)
	}
	if late {
		r.Reason = e.Reason
	}
	if d := e.Decision; d != nil {
		r.Decision, r.Versions = Digest(d), Versions(d)
	}
	return r
}

// prove builds the row back, and keeps the whole where that gives something else.
func (r *Row) prove(ev *riskdv1.Event, en *riskdv1.Enrichment) {
	if back, enrichment := r.build(); same(ev, back) && (en == nil) == (enrichment == nil) && (en == nil || same(en, enrichment)) {
		return
	}
	whole, err := (&riskdv1.JournalEntry{Event: ev, Enrichment: en}).MarshalVT()
	if err != nil {
		r.Given &^= Exact
		return
	}
	r.Rest = string(whole)
}

// message is what the journal stores; attributes are written in the order of their keys.
type message interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
}

// same compares the stored bytes.
func same(a, b message) bool {
	n := a.SizeVT()
	if b.SizeVT() != n {
		return false
	}
	x, y := buffers.Get().(*[]byte), buffers.Get().(*[]byte)
	defer buffers.Put(x)
	defer buffers.Put(y)
	return marshal(a, n, x) && marshal(b, n, y) && bytes.Equal(*x, *y)
}

// marshal writes a message of n bytes to a buffer that is used again; false when it cannot be written.
func marshal(m message, n int, to *[]byte) bool {
	*to = slices.Grow((*to)[:0], n)[:n]
	_, err := m.MarshalToSizedBufferVT(*to)
	return err == nil
}

// network is where the event came from, as far as anybody knows it: what riskd knows, else what the app said.
func (r *Row) network(ev *riskdv1.Event, en *riskdv1.Enrichment) {
	n := ev.GetNetwork()
	r.IP, r.RTT, r.ASN, r.ASOrg, r.NetworkKind = wire.Addr(ev), n.GetRttMs(), en.GetAsn(), en.GetAsOrg(), en.GetKind()
	if r.ASN == 0 {
		r.ASN = n.GetAsn()
	}
	if r.ASOrg == "" {
		r.ASOrg = n.GetAsOrg()
	}
	if r.NetworkKind == "" {
		r.NetworkKind = n.GetKind()
	}
	g := wire.Place(en.GetGeo())
	if !g.Known && g.Country == "" {
		g = wire.Place(n.GetGeo())
	}
	r.Located, r.Lat, r.Lon, r.AccuracyKM, r.Country, r.City = g.Known, g.Lat, g.Lon, g.RadiusKM, g.Country, g.City
}

// givenBy is how the app and the enricher had put it.
func givenBy(ev *riskdv1.Event, en *riskdv1.Enrichment) Given {
	g := Exact
	set := func(bit Given, is bool) {
		if is {
			g |= bit
		}
	}
	n := ev.GetNetwork()
	set(NoSession, ev.GetSession().GetId() == "")
	set(NoUserKind, ev.GetUser().GetKind() == "")
	set(NoCount, ev.GetCount() == 0)
	set(OwnGeo, n.GetGeo() != nil)
	set(OwnASN, n.GetAsn() != 0)
	set(OwnASOrg, n.GetAsOrg() != "")
	set(OwnKind, n.GetKind() != "")
	set(HasUser, ev.GetUser() != nil)
	set(HasSession, ev.GetSession() != nil)
	set(HasDevice, ev.GetDevice() != nil)
	set(HasNetwork, n != nil)
	set(HasHTTP, ev.GetHttp() != nil)
	set(HasResource, ev.GetResource() != nil)
	set(HasReceipt, ev.GetEnforcement() != nil)
	set(HasFeedback, ev.GetFeedback() != nil)
	set(HasEnrichment, en != nil)
	set(HasGeo, en.GetGeo() != nil)
	set(HasAgent, en.GetAgent() != nil)
	set(HasCrowd, en.GetCrowd() != nil)
	set(AtOrigin, en.GetGeo().GetAtOrigin() || n.GetGeo().GetAtOrigin())
	return g
}

func small(v uint32) uint16 { return uint16(min(v, math.MaxUint16)) }
