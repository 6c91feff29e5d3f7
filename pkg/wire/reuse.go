package wire

import (
	"fmt"
	"reflect"
	"unsafe"

	"google.golang.org/protobuf/runtime/protoimpl"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// recycle empties ev and keeps its memory. Parts that stay allocated are empty, which everywhere
// means the same as absent. It clears field by field, since the Reset of a message also makes it look up its type again.
// Unknown fields stay; dropUnknown takes them once the event is decoded.
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

// dropUnknown forgets fields of newer or foreign schemas, those of the event before included, so that nothing unread is stored.
func dropUnknown(ev *riskdv1.Event) {
	drop(ev, atEvent)
	drop(ev.User, atUser)
	drop(ev.Session, atSession)
	drop(ev.Device, atDevice)
	if n := ev.Network; n != nil {
		drop(n, atNetwork)
		drop(n.Geo, atGeo)
	}
	drop(ev.Http, atHTTP)
	drop(ev.Resource, atResource)
	drop(ev.Enforcement, atEnforcement)
	drop(ev.Feedback, atFeedback)
}

// Where messages keep the bytes of fields they do not know. To ask each one through reflection took an eighth of decoding.
var (
	atEvent, atUser, atSession, atDevice, atNetwork, atGeo = at[riskdv1.Event](), at[riskdv1.User](), at[riskdv1.Session](), at[riskdv1.Device](), at[riskdv1.Network](), at[riskdv1.Geo]()
	atHTTP, atResource, atEnforcement, atFeedback          = at[riskdv1.Http](), at[riskdv1.Resource](), at[riskdv1.Enforcement](), at[riskdv1.Feedback]()
)

// at panics when generated messages have changed: the program does not start.
func at[T any]() uintptr {
	f, ok := reflect.TypeFor[T]().FieldByName("unknownFields")
	if !ok || f.Type != reflect.TypeFor[protoimpl.UnknownFields]() {
		panic(fmt.Sprintf("wire: %v keeps its unknown fields elsewhere", reflect.TypeFor[T]()))
	}
	return f.Offset
}

func drop[T any](m *T, at uintptr) {
	if m != nil {
		if u := (*protoimpl.UnknownFields)(unsafe.Add(unsafe.Pointer(m), at)); len(*u) > 0 {
			*u = nil
		}
	}
}
