package policy_test

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

func TestAnEmptyDocumentIsTheDefault(t *testing.T) {
	t.Parallel()
	p, err := policy.Parse([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Version(), policy.Default().Version(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheVersionNamesTheContent(t *testing.T) {
	t.Parallel()
	parse := func(s string) string {
		p, err := policy.Parse([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return p.Version()
	}
	a, b := parse(`{"id":"x","thresholds":{"step_up":61}}`), parse(`{"id":"x","thresholds":{"step_up":62}}`)
	if a == b || !strings.HasPrefix(a, "x@") || len(a) != len("x@")+8 {
		t.Errorf("got %s and %s, want two versions of x@ and eight digits", a, b)
	}
	if again := parse(`{"thresholds":{"step_up":61},"id":"x"}`); again != a {
		t.Errorf("the order of keys changed the version: %s, %s", again, a)
	}
}

func TestFaultsAreNamedByTheirKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, want string }{
		"unknown key":          {`{"thresholds":{"stepup":50}}`, `unknown field "stepup"`},
		"not an object":        {`[]`, "cannot unmarshal"},
		"two documents":        {`{} {}`, "more than one document"},
		"thresholds crossed":   {`{"thresholds":{"medium":70}}`, "thresholds: want"},
		"unknown acr":          {`{"step_up":{"acr":"very"}}`, "step_up.acr: not a known"},
		"on_expiry misspelt":   {`{"step_up":{"on_expiry":"Deny"}}`, "step_up.on_expiry: want deny or allow"},
		"no expiry":            {`{"step_up":{"expires_after":0}}`, "step_up.expires_after"},
		"learns above prompts": {`{"learning":{"below":90}}`, "learning.below"},
		"slow as walking":      {`{"travel":{"speed_kmh":5}}`, "travel.speed_kmh"},
		"acr level":            {`{"acr":{"gold":9}}`, "acr.gold: want a level 1 to 3"},
		"prior not a number":   {`{"prior_nats":1e999}`, "prior_nats"},
	} {
		if _, err := policy.Parse([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestSensitiveThingsDemandProof(t *testing.T) {
	t.Parallel()
	p := policy.Default()
	for name, c := range map[string]struct {
		ev   event.Event
		rule string
		age  uint32
	}{
		"ordinary":          {event.Event{Action: "resource.read"}, "", 0},
		"internal":          {event.Event{Resource: event.Resource{Sensitivity: event.Internal}}, "", 0},
		"restricted":        {event.Event{Resource: event.Resource{Sensitivity: event.Restricted}}, policy.RuleRestricted, 43200},
		"critical":          {event.Event{Resource: event.Resource{Sensitivity: event.Critical}}, policy.RuleCritical, 300},
		"a new key":         {event.Event{Action: "apikey.create"}, policy.RuleCritical, 300},
		"a role":            {event.Event{Action: "role.grant"}, policy.RuleCritical, 300},
		"second factor":     {event.Event{Action: "account.mfa_change"}, policy.RuleCritical, 300},
		"key of restricted": {event.Event{Action: "apikey.create", Resource: event.Resource{Sensitivity: event.Restricted}}, policy.RuleCritical, 300},
	} {
		if got := p.Rule(&c.ev); got.Rule != c.rule || got.MaxAge != c.age || c.rule != "" && got.Level != 2 {
			t.Errorf("%s: got %+v, want %s within %d s", name, got, c.rule, c.age)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"x","acr":{"gold":3},"thresholds":{"medium":1,"step_up":2,"severe":3}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := policy.Parse(data)
		if err == nil && (p.Version() == "" || p.Validate() != nil) {
			t.Fatal("a parsed policy is not valid")
		}
	})
}
