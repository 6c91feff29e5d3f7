package story_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/story"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// part makes a part; inputs are name, value, name, value.
func part(code string, nats float64, inputs ...any) decision.Part {
	p := decision.Part{Code: code, Nats: nats}
	for i := 0; i < len(inputs); i += 2 {
		d := decision.Detail{Key: inputs[i].(string)}
		switch v := inputs[i+1].(type) {
		case string:
			d.Text, d.IsText = v, true
		case float64:
			d.Number = v
		case int:
			d.Number = float64(v)
		}
		p.Detail = append(p.Detail, d)
	}
	return p
}

func TestPartsInWords(t *testing.T) {
	for _, c := range []struct {
		part decision.Part
		want string
	}{
		{part(score.ImpossibleTravel, 8, "km", 9554, "km_lower", 9480, "hours", 0.4, "kmh", 23700, "from", "London, GB", "to", "Tokyo, JP"),
			"London, GB to Tokyo, JP: 9,480 km at least in 24 minutes, 23,700 km/h needed"},
		{part(score.ImpossibleTravel, 2.4, "km_lower", 9480, "hours", 0, "kmh", 113760, "discount", 0.3), "the last place to here: 9,480 km at least at the same moment, more than 100,000 km/h needed; counted at 30 %"},
		{part(score.ImpossibleTravel, 0, "verdict", "possible", "km", 340.2, "km_lower", 0, "hours", 5, "kmh", 0, "from", "Paris, FR", "to", "London, GB"), "Paris, FR to London, GB: about 340 km in 5 hours: possible"},
		{part(score.ImpossibleTravel, 4, "held", "from an earlier event of this session"), "impossible travel, from an earlier event of this session"},
		{part(score.NewNetwork, 2, "new", "country", "country", "JP", "as_org", "NTT"), "first time from JP (NTT)"},
		{part(score.NewNetwork, 2, "new", "asn", "country", "DE", "as_org", "Telekom"), "first time from this provider (Telekom) in DE"},
		{part(score.NewAgent, 2, "new", "browser", "browser", "Chrome", "os", "Linux"), "first time with Chrome on Linux"},
		{part(score.UnknownDevice, 2.3, "token", "missing", "known_devices", 2), "no device token came, though 2 devices of the user are known"},
		{part(score.UnknownDevice, 2.3, "token", "new", "known_devices", 0), "a device the user was never seen with"},
		{part(score.SessionSwitch, 2, "agent_changed", "yes", "country_changed", "yes"), "one session, but another browser and country than it began with"},
		{part(score.UnusualHour, 1, "hour_utc", 3, "weekend", "yes"), "the user is rarely active around 03:00 UTC at weekends"},
		{part(score.Burst, 1, "actions_in_10min", 1, "usual_in_10min", 6.25), "1 action in 10 minutes, usual are 6.2"},
		{part(score.UnusualVolume, 1, "bytes", 734003200, "sd", 5.2), "734 MB moved, 5.2 standard deviations above the user's own"},
		{part(score.Failures, 1, "failures_here", 3.2, "failures_elsewhere", 0, "address_failed_users", 12), "4 failed logins from here before and failed logins of 12 other users from this address"},
		{part(score.Proven, -2, "aal", 2, "hours", 0.5), "proven at aal2 30 minutes ago"},
		{part(score.KnownAgent, -0.4, "upgrade", "yes"), "the user's browser after an upgrade"},
		{part(score.UnusualActivity, 3, "action", "resource.export", "resource", "report", "seen", 0), "the user has hardly ever exported a report; the session's actions so far are unlike the user"},
		{part(score.UnusualActivity, 3, "action", "auth.login", "seen", 40), "the session's last actions are unlike the user (last: logged in)"},
		{part(score.UnusualActivity, 3), "a run of actions that is unlike the user"},
		// Codes of tomorrow, and parts without their inputs, are still told.
		{part("something_new", 1, "km", 12.34, "from_where", "here"), "km 12, from where here"},
		{part("something_new", 1), "something new"},
		{part(score.UnusualRTT, 1), "unusual round trip"},
		{part("", 1), "unnamed"},
	} {
		if got := story.Explain([]decision.Part{c.part})[0].Words; got != c.want {
			t.Errorf("%s: got %q, want %q", c.part.Code, got, c.want)
		}
	}
}

func TestTheHeadlineIsTheStrongestEvidenceUnlessOnlyARuleAsked(t *testing.T) {
	travel := part(score.ImpossibleTravel, 8, "km_lower", 9480, "hours", 0.4, "from", "London, GB", "to", "Tokyo, JP", "discount", 0.5)
	device, hour := part(score.UnknownDevice, 2.3, "token", "new"), part(score.UnusualHour, 0.4, "hour_utc", 3)
	for _, c := range []struct {
		name, rule string
		parts      []decision.Part
		want       string
	}{
		{"evidence", "", []decision.Part{part(score.Prior, -5), hour, device, travel}, "London, GB to Tokyo, JP: 9,480 km at least in 24 minutes; also unknown device"},
		{"nothing", "", []decision.Part{part(score.Prior, -5), part(score.KnownDevice, -1)}, "nothing speaks against the user"},
		{"a rule alone", "restricted_resource", []decision.Part{part(score.Prior, -5), hour}, "a restricted resource needs a second factor, whoever asks"},
		{"both", "restricted_resource", []decision.Part{part(score.Prior, -5), travel}, "London, GB to Tokyo, JP: 9,480 km at least in 24 minutes; a restricted resource needs a second factor, whoever asks"},
		{"a rule of tomorrow", "four_eyes", nil, "policy rule: four eyes"},
		{"no parts", "", nil, "nothing speaks against the user"},
	} {
		if got := story.Headline(c.rule, c.parts); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestEveryCodeOfTheEngineHasATitleAndWords(t *testing.T) {
	for _, code := range []string{score.Prior, score.ImpossibleTravel, score.NewNetwork, score.KnownNetwork, score.HostingNetwork, score.NewAgent, score.KnownAgent,
		score.UnknownDevice, score.KnownDevice, score.SharedDevice, score.TokenMoved, score.SessionSwitch, score.UnusualHour, score.UsualHour, score.UnusualActivity,
		score.Burst, score.UnusualVolume, score.Failures, score.CrowdSource, score.UnusualRTT, score.FailedChallenge, score.ReportedHostile, score.Proven} {
		if title := story.Title(code); strings.EqualFold(title, strings.ReplaceAll(code, "_", " ")) && !strings.Contains("impossible_travel new_network known_network hosting_network unknown_device known_device shared_device unusual_hour usual_hour unusual_activity unusual_volume failed_challenge proven", code) {
			t.Errorf("%s has no title of its own: %q", code, title)
		}
		if w := story.Explain([]decision.Part{{Code: code, Nats: 1}})[0].Words; w == "" {
			t.Errorf("%s has no words without inputs", code)
		}
	}
}

func TestAWaterfallAddsUpToTheRisk(t *testing.T) {
	codes := rapid.SampledFrom([]string{score.Prior, score.ImpossibleTravel, score.KnownDevice, "x"})
	rapid.Check(t, func(t *rapid.T) {
		var parts []decision.Part
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			// Parts are on the grid of thousandths.
			parts = append(parts, decision.Part{Code: codes.Draw(t, "code"), Nats: float64(rapid.IntRange(-9000, 9000).Draw(t, "milli")) / 1000})
		}
		steps := story.Waterfall(parts)
		if len(steps) != len(parts) || steps[0].Before != 0 {
			t.Fatalf("%d steps of %d parts, from %v", len(steps), len(parts), steps[0].Before)
		}
		for i := 1; i < len(steps); i++ {
			if steps[i].Before != steps[i-1].After {
				t.Fatalf("step %d begins at %v, the one before ended at %v", i, steps[i].Before, steps[i-1].After)
			}
		}
		if got, want := steps[len(steps)-1].Risk, score.RiskFromParts(parts); got != want {
			t.Fatalf("ends at %v, the risk is %v", got, want)
		}
	})
}

func TestPartsOnTheWireReadTheSame(t *testing.T) {
	got := story.Parts(&riskdv1.Decision{Parts: []*riskdv1.Part{{Code: "a", Nats: 1.5, Detail: []*riskdv1.Detail{
		{Key: "km", Value: &riskdv1.Detail_Number{Number: 3}}, {Key: "from", Value: &riskdv1.Detail_Text{Text: "x"}}, {Key: "none"}}}}})
	want := []decision.Detail{{Key: "km", Number: 3}, {Key: "from", Text: "x", IsText: true}, {Key: "none"}}
	if len(got) != 1 || got[0].Code != "a" || got[0].Nats != 1.5 || len(got[0].Detail) != 3 || got[0].Detail[0] != want[0] || got[0].Detail[1] != want[1] || got[0].Detail[2] != want[2] {
		t.Errorf("got %+v", got)
	}
}

func FuzzExplainNeverFails(f *testing.F) {
	f.Add("impossible_travel", 1.0, "km_lower", 1e300, "from", "x")
	f.Fuzz(func(t *testing.T, code string, nats float64, key string, number float64, key2, text string) {
		p := decision.Part{Code: code, Nats: nats, Detail: []decision.Detail{{Key: key, Number: number}, {Key: key2, Text: text, IsText: true}}}
		for _, l := range story.Explain([]decision.Part{p}) {
			if l.Title == "" || l.Words == "" && code != "" {
				t.Errorf("%q: no words", code)
			}
		}
		_ = story.Headline(text, []decision.Part{p})
	})
}
