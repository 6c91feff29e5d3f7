package risk_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

func (st *stage) event(s *step, n int) event.Event {
	at := event.Millis(st.now.UnixMilli())
	ev := event.Event{
		ID: s.ID, Source: "//cases", Type: event.Activity, Time: at, Received: at,
		Tenant: "acme", User: event.User{ID: "u1"}, Session: event.Session{ID: strings.ReplaceAll(s.Session, "#", strconv.Itoa(n+1))},
		Action: s.Do, Outcome: event.Success, Count: max(1, s.Count), Bytes: s.Bytes,
		Resource: event.Resource{Type: s.Type, Sensitivity: map[string]event.Sensitivity{"": 0, "public": 1, "internal": 2, "restricted": 3, "critical": 4}[s.Sens]},
		Crowd:    event.Crowd{IPFailedUsers: s.Crowd.FailedUsers, IPUsers: s.Crowd.Users, DeviceUsers: s.Crowd.Device, IPFailures: s.Crowd.Failures},
	}
	if ev.ID == "" {
		ev.ID = "e" + strconv.Itoa(st.serial)
	}
	if ev.Action == "" {
		ev.Action = "auth.login"
	}
	ev.User.Kind = map[string]event.UserKind{"service": event.Service, "agent": event.Agent}[st.scene.Kind]
	if s.Outcome != "" {
		ev.Outcome = event.Outcome(1 + slices.Index([]string{"success", "failure", "denied", "challenged"}, s.Outcome))
	}
	if s.Received != "" {
		ev.Received = event.Millis(st.now.Add(st.duration(s.Received)).UnixMilli())
	}
	types := []string{"", "stepup.started", "stepup.completed", "stepup.failed", "stepup.denied", "stepup.abandoned", "enforcement", "feedback"}
	if k := slices.Index(types, s.Do); k > 0 {
		ev.Type = event.Type(k + 1)
		ev.ChallengeID = st.challenge[ev.Session.ID]
		if s.About != "" {
			ev.ChallengeID = s.About
		}
		if s.About == "none" {
			ev.ChallengeID = ""
		}
		if s.Auth == "" {
			s.Auth = "now"
		}
	}
	ev.Session.ACR, ev.Session.AMR = s.ACR, s.AMR
	switch s.Auth {
	case "", "none":
	case "now":
		ev.Session.AuthTime = at
	default:
		ev.Session.AuthTime = event.Millis(st.now.Add(st.duration(s.Auth)).UnixMilli())
	}
	ev.Feedback = event.Feedback{Verdict: s.Verdict, Author: s.Author}
	ev.Enforcement.Result = s.Result
	for k, v := range s.Attrs {
		ev.Attributes = append(ev.Attributes, event.Attribute{Key: k, Value: v})
	}
	st.dress(&ev, s, n)
	return ev
}

func (st *stage) dress(ev *event.Event, s *step, n int) {
	if s.From != "" {
		pl, ok := st.cast.Places[s.From]
		if !ok {
			st.t.Fatalf("no place %q in the cast", s.From)
		}
		ip := pl.IP
		if s.IP != "" {
			ip = strings.NewReplacer("#", strconv.Itoa(n%250+1), "@", strconv.FormatInt(int64(n+1), 16)).Replace(s.IP)
		}
		var addr netip.Addr
		if ip != "" {
			var err error
			if addr, err = netip.ParseAddr(ip); err != nil {
				st.t.Fatal(err)
			}
		}
		kinds := []string{"", "residential", "mobile", "hosting", "vpn", "relay", "satellite"}
		ev.Network = event.Network{IP: addr, RTT: s.RTT, ASN: pl.ASN, ASOrg: pl.Org, Kind: event.NetworkKind(max(0, slices.Index(kinds, pl.Kind)))}
		ev.Network.Place = event.Place{Country: pl.Country, City: pl.City, RadiusKM: pl.Radius}
		if pl.Lat != nil && pl.Lon != nil {
			ev.Network.Place.Known, ev.Network.Place.Lat, ev.Network.Place.Lon = true, *pl.Lat, *pl.Lon
		}
	}
	if s.On != "" {
		dv, ok := st.cast.Devices[s.On]
		if !ok {
			st.t.Fatalf("no device %q in the cast", s.On)
		}
		ev.Device = dv.Token
		ev.Agent = event.AgentInfo{Raw: dv.Raw, Class: dv.Class, OS: dv.OS, Browser: dv.Browser, BrowserMajor: dv.Major}
	}
}

// when reads "day 3 14:05", "+10m", "-2h" (before the latest event) or "" (a second later).
func (st *stage) when(at string) time.Time {
	if at == "" {
		return st.now.Add(time.Second)
	}
	if rest, ok := strings.CutPrefix(at, "day "); ok {
		d, clock, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(d)
		layout := "15:04"
		if strings.Count(clock, ":") == 2 {
			layout = "15:04:05"
		}
		tm, err2 := time.Parse(layout, clock)
		if err != nil || err2 != nil {
			st.t.Fatalf("cannot read time %q", at)
		}
		midnight := st.start.Truncate(24 * time.Hour)
		return midnight.AddDate(0, 0, n-1).Add(time.Duration(tm.Hour())*time.Hour + time.Duration(tm.Minute())*time.Minute + time.Duration(tm.Second())*time.Second)
	}
	return st.now.Add(st.duration(at))
}

func (st *stage) duration(s string) time.Duration {
	s = strings.TrimPrefix(s, "+")
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil {
			st.t.Fatalf("cannot read duration %q", s)
		}
		return time.Duration(n * 24 * float64(time.Hour))
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		st.t.Fatalf("cannot read duration %q", s)
	}
	return d
}
