package risk_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// maxEncoded is more than any profile may ever take, bytes.
const maxEncoded = 16 << 10

// anyEvent draws events of one user from a small world, so that things repeat, with rare nonsense.
func anyEvent(t *rapid.T, i int, at event.Millis) event.Event {
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(t, label) }
	ev := event.Event{
		ID: fmt.Sprintf("e%d", i), Source: "//any", Type: event.Activity, Time: at, Tenant: "acme", User: event.User{ID: "u1"},
		Action:  []string{"auth.login", "auth.login", "resource.read", "resource.export", "apikey.create", "auth.refresh"}[pick("action", 6)],
		Outcome: event.Outcome(1 + pick("outcome", 4)), Count: 1,
	}
	ev.Session.ID = []string{"", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10"}[pick("session", 11)]
	ev.Device = []string{"", "laptop", "phone", "other"}[pick("device", 4)]
	ev.Agent = []event.AgentInfo{
		{}, {Class: "desktop", OS: "Windows", Browser: "Chrome", BrowserMajor: 140}, {Class: "phone", OS: "iOS", Browser: "Safari", BrowserMajor: 18}, {Raw: "curl/8"},
	}[pick("agent", 4)]
	ev.Network = []event.Network{
		{},
		{IP: netip.MustParseAddr("81.2.69.1"), ASN: 2856, Kind: event.Residential, Place: event.Place{Known: true, Lat: 51.5, Lon: -0.1, RadiusKM: 20, Country: "GB", City: "London"}},
		{IP: netip.MustParseAddr("2a00:23c6:1:2::9"), ASN: 2856, Place: event.Place{Known: true, Lat: 53.5, Lon: -2.2, RadiusKM: 50, Country: "GB"}},
		{IP: netip.MustParseAddr("126.1.1.1"), ASN: 17676, Kind: event.Mobile, Place: event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 500, Country: "JP", City: "Tokyo"}},
		{IP: netip.MustParseAddr("5.5.5.5"), Kind: event.VPN, Place: event.Place{Known: true, Lat: math.NaN(), Lon: math.Inf(1), RadiusKM: -3, Country: "x"}},
		{IP: netip.MustParseAddr("178.62.1.1"), ASN: 14061, Kind: event.Hosting, RTT: 80, Place: event.Place{Known: true, Lat: -90, Lon: 180, RadiusKM: 1e9, Country: "DE"}},
	}[pick("network", 6)]
	if pick("odd", 4) == 0 {
		ev.Type = event.Type(1 + pick("type", 8))
		ev.Bytes = uint64(rapid.Uint32().Draw(t, "bytes"))
		ev.Count = rapid.Uint32().Draw(t, "count")
		ev.Resource = event.Resource{Type: "payroll", Sensitivity: event.Sensitivity(pick("sensitivity", 5))}
		ev.Session.ACR = []string{"", "aal1", "aal2", "aal3", "nonsense"}[pick("acr", 5)]
		ev.Session.AuthTime = at - event.Millis(pick("auth", 100000))
		ev.Feedback.Verdict = []string{"legitimate", "attack", "end_challenge", "revoke_session", ""}[pick("verdict", 5)]
		ev.Crowd = event.Crowd{IPFailedUsers: uint32(pick("failed", 90)), IPUsers: uint32(pick("users", 300))}
		ev.User.Kind = event.UserKind(pick("kind", 3))
	}
	return ev
}

// anyTimes draws times that mostly advance, sometimes step back, sometimes leap over months.
func anyTimes(t *rapid.T, n int) []event.Millis {
	at := noon
	times := make([]event.Millis, n)
	for i := range times {
		switch rapid.IntRange(0, 9).Draw(t, "leap") {
		case 0:
			at += event.Millis(rapid.IntRange(0, 400).Draw(t, "days")) * day
		case 1:
			times[i] = at - event.Millis(rapid.IntRange(0, 30).Draw(t, "back"))*hour
			continue
		default:
			at += event.Millis(rapid.IntRange(0, 3*3600*1000).Draw(t, "ms"))
		}
		times[i] = at
	}
	return times
}

// An app that was down when a session was revoked hears it from a later revision.
func TestARevokedSessionIsRevokedInEveryRevisionUntilItIsClear(t *testing.T) {
	ruled, err := policy.Default().WithRules(fixedRevokes{"apikey.create", "resource.export"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := risk.New(ruled, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	again := 0
	rapid.Check(t, func(t *rapid.T) {
		var p profile.Profile
		var d decision.Decision
		revoked := map[string]bool{} // by challenge
		for i, at := range anyTimes(t, rapid.IntRange(5, 60).Draw(t, "events")) {
			ev := anyEvent(t, i, at)
			ev.Session.ID = []string{"s1", "s2"}[i%2]
			e.Step(&p, &ev, &d)
			for _, s := range d.Signals {
				says := s.Cause == "session_revoked" || s.Cause == "feedback_revoke_session" || s.Cause == "still_revoked"
				if revoked[s.ChallengeID] && s.State == signal.Denied && !says {
					t.Fatalf("revision %d of a revoked session says %s", s.Revision, s.Cause)
				}
				if revoked[s.ChallengeID] && says {
					again++
				}
				revoked[s.ChallengeID] = says
			}
			var back profile.Profile
			if err := profile.Decode(p.AppendBinary(nil), &back); err != nil {
				t.Fatal(err)
			}
			p = back
		}
	})
	if again == 0 {
		t.Error("no revoked session went on: nothing is tested")
	}
}

// fixedRevokes are actions that end the session.
type fixedRevokes []string

func (r fixedRevokes) Judge(f *policy.Facts, hits []decision.Hit) []decision.Hit {
	if slices.Contains(r, f.Event.Action) {
		hits = append(hits, decision.Hit{Rule: "ends", Effect: decision.RevokeEffect})
	}
	return hits
}
func (fixedRevokes) Digest() []byte           { return []byte("ends") }
func (fixedRevokes) ReasonUser(string) string { return "" }

func TestWhateverHappensTheProfileStaysBoundedAndTheRiskAddsUp(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		var p profile.Profile
		var d decision.Decision
		challenge := ""
		for i, at := range anyTimes(t, rapid.IntRange(1, 80).Draw(t, "n")) {
			ev := anyEvent(t, i, at)
			ev.ChallengeID = challenge
			e.Step(&p, &ev, &d)
			if d.Risk < 0 || d.Risk > 100 || d.Risk != d.Risk {
				t.Fatalf("risk %v", d.Risk)
			}
			if d.Status == decision.Scored && score.RiskFromParts(d.Parts) != d.Risk {
				t.Fatalf("parts give %v, want %v", score.RiskFromParts(d.Parts), d.Risk)
			}
			for _, s := range d.Signals {
				challenge = s.ChallengeID
			}
			data := p.AppendBinary(nil)
			if len(data) > maxEncoded {
				t.Fatalf("profile takes %d bytes", len(data))
			}
			var back profile.Profile
			if err := profile.Decode(data, &back); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.AppendBinary(nil), data) {
				t.Fatal("decoding and encoding changes the profile")
			}
			before := d.Status
			e.Step(&p, &ev, &d)
			if before == decision.Scored && d.Status != decision.Duplicate || !bytes.Equal(p.AppendBinary(nil), data) {
				t.Fatalf("a repeat is %v and changed something", d.Status)
			}
		}
	})
}

func TestWithoutHistoryNothingIsNew(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		ev := anyEvent(t, 0, noon)
		ev.Type, ev.Crowd = event.Activity, event.Crowd{}
		var d decision.Decision
		e.Step(&profile.Profile{}, &ev, &d)
		for _, p := range d.Parts {
			if p.Code != score.Prior && p.Code != score.Proven && p.Nats != 0 {
				t.Fatalf("the first event ever has part %+v", p)
			}
		}
	})
}

func TestAStricterPolicyNeverLowersTheAction(t *testing.T) {
	t.Parallel()
	mild := newEngine(t)
	pol, err := policy.Parse([]byte(`{"id":"strict","thresholds":{"step_up":25,"severe":60,"medium":10},"learning":{"below":20},"sensitive":{"restricted_max_age":600,"critical_max_age":60}}`))
	if err != nil {
		t.Fatal(err)
	}
	strict, err := risk.New(pol, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	rank := map[decision.Action]int{decision.Allow: 0, decision.StepUp: 1, decision.Deny: 2}
	rapid.Check(t, func(t *rapid.T) {
		var p, q profile.Profile
		var a, b decision.Decision
		for i, at := range anyTimes(t, rapid.IntRange(1, 40).Draw(t, "n")) {
			ev := anyEvent(t, i, at)
			// Both judge from the same past.
			if err := profile.Decode(p.AppendBinary(nil), &q); err != nil {
				t.Fatal(err)
			}
			mild.Step(&p, &ev, &a)
			strict.Step(&q, &ev, &b)
			if rank[b.Action] < rank[a.Action] {
				t.Fatalf("event %d: mild says %s:\n%sstrict %s:\n%s", i, a.Action, shown(&a), b.Action, shown(&b))
			}
		}
	})
}

func TestArrivalOrderWithinTheLatenessBoundDoesNotMatter(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 40).Draw(t, "n")
		evs := make([]event.Event, n)
		begin := noon - 60*day // far from where the counts' landmark moves, which rounds
		for i := range evs {
			at := begin + event.Millis(i)*6*hour + event.Millis(rapid.IntRange(0, 3600*1000).Draw(t, "ms"))
			evs[i] = home(i, at)
			evs[i].Agent.BrowserMajor = 140
		}
		// Each event may arrive up to twenty hours after its time.
		shuffled := slices.Clone(evs)
		for i := range shuffled {
			shuffled[i].Received = shuffled[i].Time + event.Millis(rapid.IntRange(0, 20*3600*1000).Draw(t, "delay"))
		}
		slices.SortStableFunc(shuffled, func(a, b event.Event) int { return cmp.Compare(a.Received, b.Received) })
		var p, q profile.Profile
		var d decision.Decision
		for i := range evs {
			e.Step(&p, &evs[i], &d)
			e.Step(&q, &shuffled[i], &d)
			if d.Status != decision.Scored {
				t.Fatalf("got %v, want every event scored", d.Status)
			}
		}
		if got, want := known(&q), known(&p); got != want {
			t.Fatalf("in another order the user is known as\n%s\nwant\n%s", got, want)
		}
		for _, probe := range []event.Event{home(1000, begin+event.Millis(n)*6*hour), stranger(1001, begin+event.Millis(n)*6*hour)} {
			var a, b decision.Decision
			e.Step(&p, &probe, &a)
			e.Step(&q, &probe, &b)
			if a.Risk != b.Risk || a.Action != b.Action {
				t.Fatalf("in another order risk is %v %s, want %v %s", b.Risk, b.Action, a.Risk, a.Action)
			}
		}
	})
}

func stranger(i int, at event.Millis) event.Event {
	ev := home(i, at)
	ev.Device = ""
	ev.Agent = event.AgentInfo{Class: "desktop", OS: "Linux", Browser: "Firefox", BrowserMajor: 128}
	ev.Network = event.Network{IP: netip.MustParseAddr("126.1.1.1"), ASN: 17676, Place: event.Place{Known: true, Lat: 35.7, Lon: 139.7, RadiusKM: 20, Country: "JP", City: "Tokyo"}}
	return ev
}

// known writes what a profile has learned, whatever order it was learned in.
func known(p *profile.Profile) string {
	var lines []string
	path := func(t *profile.Tree, i int) (s string) {
		for i >= 0 {
			s = fmt.Sprintf("/%d:%x%s", t.Nodes[i].Level, t.Nodes[i].Key, s)
			if t.Nodes[i].Parent == profile.NoParent {
				break
			}
			i = int(t.Nodes[i].Parent)
		}
		return s
	}
	for i := range p.Networks.Nodes {
		lines = append(lines, fmt.Sprintf("network %s %d", path(&p.Networks, i), p.Networks.Nodes[i].Weight))
	}
	for i := range p.Agents.Nodes {
		lines = append(lines, fmt.Sprintf("agent %s %d", path(&p.Agents, i), p.Agents.Nodes[i].Weight))
	}
	for _, x := range p.Devices {
		lines = append(lines, fmt.Sprintf("device %x %x %d", x.Token, x.Agent, x.Weight))
	}
	for _, x := range p.Places {
		lines = append(lines, fmt.Sprintf("place %d %d at %d weight %d", x.Lat, x.Lon, x.At, x.Weight))
	}
	slices.Sort(lines)
	return fmt.Sprintln(lines, p.Hours, p.Watermark)
}

func FuzzStep(f *testing.F) {
	e := newEngine(f)
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, "auth.login", "s1")
	f.Fuzz(func(t *testing.T, data []byte, action, session string) {
		var p profile.Profile
		var d decision.Decision
		byteAt := func(i int) byte {
			if len(data) == 0 {
				return 0
			}
			return data[i%len(data)]
		}
		for i := range min(len(data), 64) {
			b := byteAt(i)
			ev := event.Event{
				ID: fmt.Sprint(byteAt(i * 3)), Source: "//f", Type: event.Type(b % 10), Time: noon + event.Millis(int8(byteAt(i+1)))*hour*event.Millis(b),
				Tenant: "t", User: event.User{ID: session, Kind: event.UserKind(b % 3)}, Session: event.Session{ID: session, AuthTime: event.Millis(b) * day, ACR: action},
				Device: string(data[i:]), Action: action, Outcome: event.Outcome(b % 6), Count: uint32(b) << 24, Bytes: uint64(b) << 56,
				ChallengeID: d.ChallengeID, Feedback: event.Feedback{Verdict: action, Author: session},
			}
			ev.Network = event.Network{Kind: event.NetworkKind(b), ASN: uint32(b), RTT: uint32(b) << 20, Place: event.Place{
				Known: true, Lat: float64(int8(b)) * 1.5, Lon: float64(int8(byteAt(i+2))) * 3, RadiusKM: float64(b) * 100, Country: action, City: session}}
			ev.Attributes = []event.Attribute{{Key: "session_of", Value: action}}
			e.Step(&p, &ev, &d)
			if d.Status == decision.Scored && score.RiskFromParts(d.Parts) != d.Risk {
				t.Fatal("parts do not add up")
			}
		}
		var back profile.Profile
		if err := profile.Decode(p.AppendBinary(nil), &back); err != nil {
			t.Fatal(err)
		}
	})
}
