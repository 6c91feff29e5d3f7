package session_test

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
)

func TestAssuranceIsWhatWasProven(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    event.Session
		want uint8
	}{
		"nothing said":                {event.Session{}, 0},
		"by name":                     {event.Session{ACR: "aal2"}, 2},
		"by alias":                    {event.Session{ACR: "phrh"}, 3},
		"a name nobody knows":         {event.Session{ACR: "gold", AMR: []string{"pwd", "otp"}}, 0},
		"a password":                  {event.Session{AMR: []string{"pwd"}}, 1},
		"two things known":            {event.Session{AMR: []string{"pwd", "pin"}}, 1},
		"password and code":           {event.Session{AMR: []string{"pwd", "otp"}}, 2},
		"key with finger":             {event.Session{AMR: []string{"hwk", "user"}}, 3},
		"key without":                 {event.Session{AMR: []string{"hwk"}}, 1},
		"many factors, said in one":   {event.Session{AMR: []string{"mfa"}}, 2},
		"the name holds, not the amr": {event.Session{ACR: "aal1", AMR: []string{"pwd", "otp"}}, 1},
	} {
		if got := session.Assurance(policy.Default(), &c.s); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestStrongerFactorsTeachMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		level uint8
		amr   []string
		want  float64
	}{
		"passkey":     {3, []string{"hwk", "user"}, 1},
		"code":        {2, []string{"pwd", "otp"}, 0.5},
		"text":        {2, []string{"pwd", "sms"}, 0.25},
		"level alone": {2, nil, 0.5},
		"password":    {1, []string{"pwd"}, 0},
	} {
		if got := session.Strength(c.level, c.amr); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestProofBelongsToTheBrowserThatGaveIt(t *testing.T) {
	t.Parallel()
	chrome := profile.Context{Agent: profile.Path{1, 2, 3, 140}, Device: 7}
	s := profile.Session{Proof: profile.Proof{Level: 2, At: 1000, Runtime: chrome.Runtime(), Device: 7}}
	updated := chrome
	updated.Agent[3] = 141
	firefox := profile.Context{Agent: profile.Path{1, 2, 4, 128}}
	other := chrome
	other.Device = 8
	for name, c := range map[string]struct {
		ctx  profile.Context
		want bool
	}{
		"the same": {chrome, true}, "after an update": {updated, true}, "nothing known": {profile.Context{}, true},
		"another browser": {firefox, false}, "another device": {other, false},
	} {
		if got := session.Proven(&s, &c.ctx, 2, 60, 30_000); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if session.Proven(&s, &chrome, 3, 60, 30_000) || session.Proven(&s, &chrome, 2, 60, 62_000) {
		t.Error("a weak or an old proof counts")
	}
}
