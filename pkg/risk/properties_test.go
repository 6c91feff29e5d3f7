package risk_test

import (
	"bytes"
	"cmp"
	"fmt"
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
)

// maxEncoded is more than any profile may ever take, bytes.
const maxEncoded = 16 << 10

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
