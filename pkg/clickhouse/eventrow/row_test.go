package eventrow

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// anEvent is what an app may send, odd things included.
func anEvent(t *rapid.T) *riskdv1.Event {
	text := rapid.SampledFrom([]string{"", "a", "person", "ü\x00", "long enough to be a user agent"})
	maybe := rapid.Bool()
	ev := &riskdv1.Event{Id: text.Draw(t, "id"), Source: text.Draw(t, "source"), Type: "dev.riskd.activity.v1", TimeMs: rapid.SampledFrom([]int64{0, -5, 1_763_600_000_123, 1 << 60}).Draw(t, "time"),
		TenantId: "acme", Action: "auth.login", Outcome: "success", Count: rapid.Uint32Range(0, 3).Draw(t, "count"), Bytes: rapid.Uint64().Draw(t, "bytes"),
		ChallengeId: text.Draw(t, "challenge"), Reason: text.Draw(t, "reason")}
	if maybe.Draw(t, "user") {
		ev.User = &riskdv1.User{Id: text.Draw(t, "user id"), Kind: rapid.SampledFrom([]string{"", "person", "service"}).Draw(t, "kind")}
	}
	if maybe.Draw(t, "session") {
		ev.Session = &riskdv1.Session{Id: rapid.SampledFrom([]string{"", "s", "u:a"}).Draw(t, "session id"), AuthTimeMs: rapid.SampledFrom([]int64{0, 1_763_600_000_000, -1}).Draw(t, "auth time"), Amr: rapid.SliceOfN(text, 0, 3).Draw(t, "amr")}
	}
	if maybe.Draw(t, "device") {
		ev.Device = &riskdv1.Device{Id: text.Draw(t, "device id")}
	}
	if maybe.Draw(t, "network") {
		ev.Network = &riskdv1.Network{Ip: rapid.SampledFrom([]string{"", "203.0.113.7", "2001:db8::1", "2001:DB8::1", "::ffff:203.0.113.7", "::", "nonsense"}).Draw(t, "ip"),
			RttMs: rapid.Uint32Range(0, 9).Draw(t, "rtt"), Asn: rapid.Uint32Range(0, 2).Draw(t, "asn"), AsOrg: text.Draw(t, "org"), Kind: rapid.SampledFrom([]string{"", "vpn"}).Draw(t, "network kind")}
		if maybe.Draw(t, "own geo") {
			ev.Network.Geo = aGeo(t)
		}
	}
	if maybe.Draw(t, "http") {
		ev.Http = &riskdv1.Http{UserAgent: text.Draw(t, "agent")}
	}
	if maybe.Draw(t, "resource") {
		ev.Resource = &riskdv1.Resource{Type: text.Draw(t, "type"), Sensitivity: rapid.SampledFrom([]string{"", "critical"}).Draw(t, "sensitivity")}
	}
	if maybe.Draw(t, "receipt") {
		ev.Enforcement = &riskdv1.Enforcement{Route: text.Draw(t, "route"), Result: text.Draw(t, "result")}
	}
	if maybe.Draw(t, "feedback") {
		ev.Feedback = &riskdv1.Feedback{Verdict: text.Draw(t, "verdict"), Author: text.Draw(t, "author")}
	}
	if maybe.Draw(t, "attributes") {
		ev.Attributes = map[string]string{"plan": text.Draw(t, "plan"), "b": "", "": "c"}
	}
	return ev
}

func aGeo(t *rapid.T) *riskdv1.Geo {
	return &riskdv1.Geo{Lat: rapid.SampledFrom([]float64{0, 51.5085, -122.40124000001, 200}).Draw(t, "lat"), Lon: rapid.SampledFrom([]float64{0, -0.1257}).Draw(t, "lon"),
		AccuracyKm: rapid.SampledFrom([]float64{0, 20, -1, 1e9}).Draw(t, "accuracy"), Country: rapid.SampledFrom([]string{"", "GB"}).Draw(t, "country"), AtOrigin: rapid.Bool().Draw(t, "origin")}
}

func anEnrichment(t *rapid.T) *riskdv1.Enrichment {
	if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
		return nil
	}
	en := &riskdv1.Enrichment{ReceivedMs: rapid.SampledFrom([]int64{0, 1_763_600_000_999}).Draw(t, "received"), Asn: rapid.Uint32Range(0, 2).Draw(t, "en asn"), AsOrg: rapid.SampledFrom([]string{"", "Example"}).Draw(t, "en org")}
	if rapid.Bool().Draw(t, "geo") {
		en.Geo = aGeo(t)
	}
	if rapid.Bool().Draw(t, "en agent") {
		en.Agent = &riskdv1.Agent{Browser: "Firefox", BrowserMajor: rapid.SampledFrom([]uint32{0, 140, 70_000}).Draw(t, "major")}
	}
	if rapid.Bool().Draw(t, "crowd") {
		en.Crowd = &riskdv1.Crowd{IpUsers: rapid.Uint32Range(0, 3).Draw(t, "ip users")}
	}
	return en
}

// Whatever an app sends, and whatever session it is counted to, comes back byte for byte.
func TestEveryEventComesBackByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := &riskdv1.JournalEntry{Event: anEvent(t), Enrichment: anEnrichment(t), Status: riskdv1.JournalEntry_STATUS_SCORED, Reason: "too_late"}
		if rapid.Bool().Draw(t, "late") {
			e.Status = riskdv1.JournalEntry_STATUS_LATE
		}
		row := Of(e, rapid.SampledFrom([]string{"s", "branch", "u:a"}).Draw(t, "counted to"))
		if e.Status == riskdv1.JournalEntry_STATUS_LATE && row.Rest == "" {
			row.Reason = "" // as Read does
		}
		ev, en, err := row.Event()
		if err != nil {
			t.Fatal(err)
		}
		want, _ := (&riskdv1.JournalEntry{Event: e.Event, Enrichment: e.Enrichment}).MarshalVT()
		got, _ := (&riskdv1.JournalEntry{Event: ev, Enrichment: en}).MarshalVT()
		if !bytes.Equal(got, want) {
			t.Fatalf("got  %v %v\nwant %v %v", ev, en, e.Event, e.Enrichment)
		}
	})
}

// What apps usually send needs no copy of the whole.
func TestUsualEventsAreInTheirColumnsAlone(t *testing.T) {
	usual := func(change func(*riskdv1.Event, *riskdv1.Enrichment)) *riskdv1.JournalEntry {
		ev := &riskdv1.Event{Id: "1", Source: "//acme/web", Type: "dev.riskd.activity.v1", TimeMs: 1_763_600_000_123, TenantId: "acme", User: &riskdv1.User{Id: "u"}, Session: &riskdv1.Session{Id: "s", Amr: []string{"pwd"}},
			Network: &riskdv1.Network{Ip: "203.0.113.7", RttMs: 31}, Http: &riskdv1.Http{UserAgent: "x"}, Action: "auth.login", Outcome: "success", Attributes: map[string]string{"a": "b", "c": "d"}}
		en := &riskdv1.Enrichment{Geo: &riskdv1.Geo{Lat: 51.5085, Lon: -0.1257, AccuracyKm: 20, Country: "GB", City: "London"}, Asn: 64500, AsOrg: "Example", Kind: "vpn", Agent: &riskdv1.Agent{Browser: "Firefox"}, ReceivedMs: 1_763_600_000_999, Crowd: &riskdv1.Crowd{}}
		change(ev, en)
		return &riskdv1.JournalEntry{Event: ev, Enrichment: en, Status: riskdv1.JournalEntry_STATUS_SCORED}
	}
	for name, change := range map[string]func(*riskdv1.Event, *riskdv1.Enrichment){
		"looked up": func(*riskdv1.Event, *riskdv1.Enrichment) {},
		"from a trusted upstream": func(ev *riskdv1.Event, en *riskdv1.Enrichment) {
			ev.Network.Geo, ev.Network.Asn, ev.Network.AsOrg, ev.Network.Kind = proto.CloneOf(en.Geo), en.Asn, en.AsOrg, en.Kind
		},
		"of a service":          func(ev *riskdv1.Event, _ *riskdv1.Enrichment) { ev.User.Kind, ev.Count = "service", 7 },
		"without a session":     func(ev *riskdv1.Event, _ *riskdv1.Enrichment) { ev.Session = nil },
		"from an unknown place": func(_ *riskdv1.Event, en *riskdv1.Enrichment) { en.Geo, en.Asn, en.AsOrg, en.Kind = nil, 0, "", "" },
	} {
		e := usual(change)
		session := "s"
		if e.Event.Session == nil {
			session = "u:u"
		}
		if row := Of(e, session); row.Rest != "" || row.Given&Exact == 0 {
			t.Errorf("%s: %d bytes beside the columns, given %b", name, len(row.Rest), row.Given)
		}
	}
}

func TestRowsFromBeforeCannotBeBuiltBack(t *testing.T) {
	if _, _, err := (&Row{ID: "1"}).Event(); !errors.Is(err, ErrInexact) {
		t.Errorf("got %v, want ErrInexact", err)
	}
	if row := Of(&riskdv1.JournalEntry{}, ""); row.Given != 0 {
		t.Errorf("an entry without an event is exact: %b", row.Given)
	}
}
