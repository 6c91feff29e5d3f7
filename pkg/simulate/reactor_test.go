package simulate_test

import (
	"strconv"
	"testing"

	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func seen(kind simulate.Kind, session string) simulate.Item {
	return simulate.Item{
		Event: &riskdv1.Event{
			Id: "e-" + session, Source: "//acme/apps/payroll", Type: "dev.riskd.activity.v1", TimeMs: 1_790_000_000_000, TenantId: "acme",
			User: &riskdv1.User{Id: "u1"}, Session: &riskdv1.Session{Id: session, Acr: "aal1"}, Action: "resource.export", Outcome: "success", Bytes: 5,
			Resource: &riskdv1.Resource{Type: "payroll", Id: "p1", Sensitivity: "restricted"},
		},
		Truth: simulate.Truth{Kind: kind, Factor: "totp"},
	}
}

func states(items []simulate.Item) (out []string) {
	for _, it := range items {
		out = append(out, it.Event.Action)
	}
	return out
}

func has(items []simulate.Item, action string) *riskdv1.Event {
	for _, it := range items {
		if it.Event.Action == action {
			return it.Event
		}
	}
	return nil
}

func TestTheHonestPassAndTheirAccessGoesThrough(t *testing.T) {
	passed := 0
	for i := range 400 {
		r := simulate.NewReactor()
		s := "s" + strconv.Itoa(i)
		it := seen(simulate.Honest, s)
		if r.Admit(&it) != simulate.Send || it.Event.Outcome != "challenged" {
			t.Fatalf("a restricted access without proof went in as %q, want challenged", it.Event.Outcome)
		}
		flag := simulate.Flag{Tenant: "acme", Session: s, ChallengeID: "ch_" + s, Revision: 1, State: "required", Issued: it.Event.TimeMs}
		answers := r.React(flag)
		for _, a := range answers {
			if err := wire.Validate(a.Event); err != nil {
				t.Fatalf("%v: %v", a.Event, err)
			}
			if a.Event.TimeMs <= it.Event.TimeMs {
				t.Fatalf("%s comes before the flag", a.Event.Action)
			}
		}
		if again := r.React(flag); len(again) != 0 {
			t.Fatalf("the same revision twice gave %v", states(again))
		}
		done := has(answers, "stepup.completed")
		if done == nil || done.Session.Acr != "aal2" {
			continue
		}
		passed++
		if done.Session.AuthTimeMs < flag.Issued || done.ChallengeId != flag.ChallengeID {
			t.Fatalf("the proof is older than the challenge or about another: %v", done)
		}
		flag.State, flag.Revision = "satisfied", 2
		after := r.React(flag)
		if got := has(after, "resource.export"); got == nil || got.Outcome != "success" || got.Session.Acr != "aal2" || got.Id == "e-"+s {
			t.Fatalf("after the proof came %v, want the access under a new id", states(after))
		}
		if e := has(after, "enforcement.passed"); e == nil || e.Enforcement.Result != "passed" {
			t.Fatalf("after the proof came %v, want a receipt", states(after))
		}
		next := seen(simulate.Honest, s)
		next.Event.TimeMs += 3_600_000
		if r.Admit(&next) != simulate.Send || next.Event.Outcome != "success" {
			t.Fatalf("an hour after the proof the access was %q, want success", next.Event.Outcome)
		}
	}
	if passed < 360 {
		t.Errorf("%d of 400 honest people passed, want at least 360", passed)
	}
}

func TestAttackersNeverPass(t *testing.T) {
	for _, kind := range simulate.Attackers() {
		if kind == simulate.Insider {
			continue // holds the real factor
		}
		for i := range 100 {
			r := simulate.NewReactor()
			s := string(kind) + strconv.Itoa(i)
			it := seen(kind, s)
			r.Admit(&it)
			answers := r.React(simulate.Flag{Tenant: "acme", Session: s, ChallengeID: "ch_" + s, Revision: 1, State: "required", Issued: it.Event.TimeMs})
			if has(answers, "stepup.completed") != nil {
				t.Fatalf("%s passed a challenge", kind)
			}
			next := seen(kind, s)
			if r.Admit(&next) != simulate.Drop {
				t.Fatalf("%s goes on after the challenge", kind)
			}
		}
	}
}

func TestDeniedSessionsEnd(t *testing.T) {
	r := simulate.NewReactor()
	it := seen(simulate.Honest, "s1")
	r.Admit(&it)
	out := r.React(simulate.Flag{Tenant: "acme", Session: "s1", ChallengeID: "ch_1", Revision: 3, State: "denied"})
	if e := has(out, "enforcement.denied"); e == nil {
		t.Fatalf("got %v, want a receipt that the session was denied", states(out))
	}
	next := seen(simulate.Honest, "s1")
	if r.Admit(&next) != simulate.Drop {
		t.Error("a denied session goes on")
	}
}

func TestBadInputsAreRefusedWithTheReasonTheyName(t *testing.T) {
	reasons := map[string]string{"malformed": wire.ReasonMalformed, "oversized": wire.ReasonTooLarge, "missing_field": wire.ReasonMissingField, "unknown_type": wire.ReasonUnknownType}
	for _, bad := range simulate.BadInputs(1, "acme", "u1", 1_790_000_000_000) {
		_, err := wire.Decode(wire.Envelope{ContentType: bad.ContentType}, bad.Data)
		if bad.Why == "future_time" {
			if err != nil {
				t.Errorf("a future date is for the engine to refuse, got %v", err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s was accepted", bad.Why)
			continue
		}
		if want, ok := reasons[bad.Why]; ok && wire.Reason(err) != want {
			t.Errorf("%s: got %v, want %s", bad.Why, err, want)
		}
	}
}
