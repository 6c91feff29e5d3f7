package rules

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

// places lie far from each other.
var places = []event.Network{
	at("198.51.100.1", 64501, "GB", 51.5, -0.1), at("198.51.101.1", 64502, "JP", 35.7, 139.7), at("198.51.102.1", 64503, "BR", -23.5, -46.6), at("198.51.103.1", 64504, "ZA", -33.9, 18.4),
	at("198.51.104.1", 64505, "AU", -33.9, 151.2), at("198.51.105.1", 64506, "US", 34, -118.2), at("198.51.106.1", 64507, "IN", 19.1, 72.9), at("198.51.107.1", 64508, "IS", 64.1, -21.9),
}

func at(ip string, asn uint32, country string, lat, lon float64) event.Network {
	return event.Network{IP: netip.MustParseAddr(ip), ASN: asn, Kind: event.Residential, Place: event.Place{Known: true, Lat: lat, Lon: lon, RadiusKM: 10, Country: country}}
}

// Somebody whose laptop turns up all over the world answers challenge after challenge, so that cool-down and budget hold nearly all the
// time: what is severe asks all the same, and says what it overrode. Beside TestNothingHidesSevereEvidence, whose histories seldom get there.
func TestNeitherBudgetNorCoolDownHidesSevereEvidence(t *testing.T) {
	coolDown, budget := 0, 0 // times that severe evidence overrode each
	rapid.Check(t, func(t *rapid.T) {
		severe := rapid.IntRange(12, 60).Draw(t, "severe")
		text := fmt.Sprintf("id: held\nthresholds: {medium: 5, step_up: 10, severe: %d}\nlearning: {below: 5}\nfriction: {cool_down: %d, prompts: 1}\n", severe,
			rapid.SampledFrom([]int{0, 3600, 864000}).Draw(t, "cool_down"))
		f, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		engine, err := risk.New(f.Policy, baseline.Default())
		if err != nil {
			t.Fatal(err)
		}
		var p profile.Profile
		var d decision.Decision
		now := event.Millis(1788771600000)
		asked := map[string]bool{}
		for n := range rapid.IntRange(10, 40).Draw(t, "events") {
			now += event.Millis(rapid.SampledFrom([]int{60, 900, 7200}).Draw(t, "later")) * 1000
			ev := &event.Event{
				ID: fmt.Sprintf("e%d", n), Source: "//t", Type: event.Activity, Time: now, Received: now, Tenant: "t", User: event.User{ID: "ann"}, Count: 1, Outcome: event.Success,
				Session: event.Session{ID: fmt.Sprintf("s%d", rapid.IntRange(n/10, n/4).Draw(t, "session"))}, Action: "data.read", Device: "laptop",
				Network: places[rapid.IntRange(0, len(places)-1).Draw(t, "place")],
			}
			engine.Step(&p, ev, &d)
			if d.Risk >= float64(severe) && d.Action == decision.Allow {
				t.Fatalf("event %d: risk %.1f is severe (%d) and held back by %q\n%s", n, d.Risk, severe, d.Rule, text)
			}
			if d.Rule == session.RuleSevere {
				if asked[d.Session] {
					coolDown++
				} else {
					budget++
				}
			}
			if d.Action != decision.StepUp {
				continue
			}
			asked[d.Session] = true
			answer := *ev
			now += 1000
			answer.ID, answer.Type, answer.Time, answer.Received, answer.ChallengeID, answer.Action = ev.ID+"a", event.StepUpCompleted, now, now, d.ChallengeID, "stepup.completed"
			answer.Session.AuthTime, answer.Session.ACR, answer.Session.AMR = now, "aal3", []string{"hwk", "user"}
			engine.Step(&p, &answer, &d)
		}
	})
	if coolDown == 0 || budget == 0 {
		t.Errorf("severe evidence overrode a cool-down %d times and the budget %d times: what was never overridden was not tested", coolDown, budget)
	}
}
