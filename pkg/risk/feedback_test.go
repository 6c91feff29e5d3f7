package risk_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Whatever was said of a session, taking it back leaves the risk of every later event as if it had not been said.
func TestWhatIsSaidAndTakenBackLeavesNoTrace(t *testing.T) {
	e := newEngine(t)
	differed := 0
	rapid.Check(t, func(t *rapid.T) {
		var with, without profile.Profile
		var d, plain decision.Decision
		n := rapid.IntRange(20, 60).Draw(t, "events")
		at := noon
		for i := range n { // a life, the same for both
			at += event.Millis(rapid.IntRange(1, 20*3600).Draw(t, "s")) * 1000
			ev := anyEvent(t, i, at)
			ev.Feedback.Verdict = ""
			e.Step(&with, &ev, &d)
			e.Step(&without, &ev, &plain)
		}
		with.Lessons, without.Lessons = nil, nil // such as of a challenge that was denied
		session := rapid.SampledFrom([]string{"s1", "s2", "s3"}).Draw(t, "of")
		say := func(p *profile.Profile, id, verdict string, at event.Millis, d *decision.Decision) {
			ev := event.Event{ID: id, Source: "//any", Type: event.FeedbackEvent, Action: "feedback", Outcome: event.Success, Time: at, Received: at, Tenant: "acme",
				User: event.User{ID: "u1"}, Session: event.Session{ID: session}, Feedback: event.Feedback{Verdict: verdict, Author: "ana"}}
			e.Step(p, &ev, d)
		}
		contrary := map[string]string{"legitimate": "withdraw", "attack": rapid.SampledFrom([]string{"legitimate", "withdraw"}).Draw(t, "contrary")}
		said := rapid.SampledFrom([]string{"legitimate", "attack"}).Draw(t, "said")
		say(&with, "said", said, at+1000, &d)
		taught := len(with.Lessons)
		if taught == 0 {
			return // there is nothing to take back
		}
		say(&with, "back", contrary[said], at+2000, &d)
		// Without: what does the same to the session, and teaches nothing.
		say(&without, "said", map[string]string{"legitimate": "end_challenge", "attack": "revoke_session"}[said], at+1000, &plain)
		say(&without, "back", map[string]string{"legitimate": "end_challenge"}[contrary[said]], at+2000, &plain)
		if len(with.Lessons) != len(without.Lessons) {
			t.Fatalf("%d lessons are left, %d were there before", len(with.Lessons), len(without.Lessons))
		}
		before := with
		for k := range 6 {
			ev := anyEvent(t, n+k, at+event.Millis(3000+k*1000))
			ev.Type, ev.Session.ID = event.Activity, fmt.Sprintf("later%d", k)
			one, other := clone(t, &before), clone(t, &without)
			e.Step(one, &ev, &d)
			e.Step(other, &ev, &plain)
			if d.Risk != plain.Risk || fmt.Sprint(d.Parts) != fmt.Sprint(plain.Parts) {
				t.Fatalf("%s, taken back: risk %v, and %v had nothing been said\n%v\n%v", said, d.Risk, plain.Risk, d.Parts, plain.Parts)
			}
		}
		differed += taught
	})
	if differed == 0 {
		t.Error("nothing was ever taught: the property says nothing")
	}
}

func clone(t *rapid.T, p *profile.Profile) *profile.Profile {
	var q profile.Profile
	if err := profile.Decode(p.AppendBinary(nil), &q); err != nil {
		t.Fatal(err)
	}
	return &q
}

// However much is said, a day teaches only so much, and expiry takes all of it back.
func TestAFloodOfJudgementsTeachesSoMuchADayAndExpires(t *testing.T) {
	e := newEngine(t)
	var p profile.Profile
	var d decision.Decision
	for i := range 200 {
		at := noon + event.Millis(i)*60_000
		ev := stranger(i, at)
		ev.Session.ID = fmt.Sprintf("s%d", i)
		e.Step(&p, &ev, &d)
		say := event.Event{ID: fmt.Sprintf("f%d", i), Source: "//any", Type: event.FeedbackEvent, Outcome: event.Success, Time: at + 1000, Received: at + 1000, Tenant: "acme",
			User: ev.User, Session: ev.Session, Feedback: event.Feedback{Verdict: []string{"legitimate", "attack"}[i%2], Author: "ana"}}
		e.Step(&p, &say, &d)
		if n := len(p.Lessons); n > 6 {
			t.Fatalf("%d lessons after %d judgements, want at most three of each sort", n, i+1)
		}
	}
	if len(p.Lessons) != 6 {
		t.Errorf("%d lessons, want six", len(p.Lessons))
	}
	ev := stranger(999, noon+31*day)
	if e.Step(&p, &ev, &d); len(p.Lessons) != 0 {
		t.Errorf("%d lessons after a month", len(p.Lessons))
	}
}
