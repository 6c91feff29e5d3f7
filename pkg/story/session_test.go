package story_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/riskd-io/riskd/pkg/story"
)

func TestASessionIsToldFromBeginningToEnd(t *testing.T) {
	r := reader(t)
	for _, c := range []struct {
		session string
		want    []string
	}{
		{"s-ada-1~9f3a2c41", []string{
			"It began: tried to read report payroll-2026 and was challenged, from Tokyo, JP, with Chrome on Linux.",
			"Step-up required: London, GB to Tokyo, JP: 9,480 km at least in 24 minutes, 19,614 km/h needed; also new network, unknown device; a restricted resource needs a second factor, whoever asks.",
			"The app showed the challenge at /payroll.",
			"An attempt at the challenge failed: wrong code (3 times).",
			"The session was denied: too many failed attempts.",
			"The app kept it out at /payroll.",
		}},
		{"s-ada-1", []string{
			"It began: logged in, from London, GB, with Firefox on Windows.",
			"Step-up required: a restricted resource needs a second factor, whoever asks.",
			"The app showed the challenge at /payroll/export.",
			"The step-up was satisfied; the session goes on.",
		}},
		{"s-carol-9", []string{
			"It began: logged in, from Paris, FR, with Safari on iOS.",
			"Step-up required: first time from FR (Orange S.A.); also unknown device.",
			"The step-up was not answered in time; the session stays blocked.",
		}},
		{"s-bob-1", []string{
			"It began: logged in, from Berlin, DE, with Chrome on Linux.",
			"Nothing was asked of it; its highest risk was 0.1 of 100.",
		}},
	} {
		s, err := r.Session(t.Context(), "acme", c.session, 0)
		if err != nil {
			t.Errorf("%s: %v", c.session, err)
			continue
		}
		var got []string
		for _, x := range s.InShort() {
			got = append(got, x.Text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.session, got, c.want)
		}
	}
	if _, err := r.Session(t.Context(), "acme", "none", 0); !errors.Is(err, story.ErrNotFound) {
		t.Errorf("an unknown session: %v", err)
	}
}

func TestASessionHoldsWhatBelongsTogether(t *testing.T) {
	r := reader(t)
	s, err := r.Session(t.Context(), "acme", "s-ada-1~9f3a2c41", 0)
	if err != nil {
		t.Fatal(err)
	}
	if s.Summary.User != "ada" || s.Summary.State != "denied" || s.Summary.Decisions != 6 || s.Summary.Worst != 100 || s.Left != 0 {
		t.Errorf("%+v", s.Summary)
	}
	var kinds []string
	for _, e := range s.Entries {
		k := e.Decision.EventAction
		if e.Enforcement != nil {
			k += "+" + e.Enforcement.Kind
		}
		for _, g := range e.Signals {
			k += "+" + g.State
		}
		kinds = append(kinds, k)
	}
	want := []string{"resource.read+required", "enforcement.shown+receipt", "stepup.failed+failed", "stepup.failed+failed", "stepup.failed+failed+denied", "enforcement.denied+receipt"}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
	if len(s.Challenges) != 1 || s.Challenges[0].State != "denied" || s.Challenges[0].Decision == nil || s.Challenges[0].Decision.EventID != "ev-0008" {
		t.Errorf("challenges %+v", s.Challenges)
	}
	short, err := r.Session(t.Context(), "acme", "s-ada-1~9f3a2c41", 2)
	if err != nil || len(short.Entries) != 2 || short.Left != 4 || short.Entries[1].Decision.EventID != "ev-0013" {
		t.Errorf("the last two: %d entries, %d left out, %v", len(short.Entries), short.Left, err)
	}
	dave, err := r.Session(t.Context(), "acme", "s-dave-1", 0)
	if err != nil || len(dave.Entries) != 2 || dave.Entries[0].Late == nil || dave.Entries[0].Late.Reason != "too_late" {
		t.Errorf("a late event: %+v, %v", dave.Entries, err)
	}
}

func TestWhatWentOnWhileBlockedIsTold(t *testing.T) {
	act := func(state, action, outcome, did, sensitivity string) story.Entry {
		return story.Entry{Decision: &story.Decision{Type: "dev.riskd.activity.v1", SessionState: state, Action: action, Outcome: outcome, EventAction: did, Sensitivity: sensitivity}}
	}
	asked := act("required", "step_up", "success", "auth.login", "")
	for _, c := range []struct {
		name    string
		entries []story.Entry
		want    string
	}{
		{"kept out", []story.Entry{asked, act("required", "step_up", "challenged", "resource.export", "restricted"), act("satisfied", "allow", "success", "resource.export", "restricted")}, ""},
		{"let through", []story.Entry{asked, act("required", "step_up", "success", "resource.export", "restricted"), act("required", "step_up", "success", "resource.read", "")},
			"It was let through 2 times while it was blocked, among them: exported (restricted)."},
		{"after a denial", []story.Entry{act("denied", "deny", "success", "auth.login", ""), act("denied", "deny", "success", "apikey.create", "")}, "It was let through while it was blocked: made an API key."},
		{"logging out", []story.Entry{asked, act("required", "step_up", "success", "auth.logout", "")}, ""},
	} {
		s := story.SessionStory{Entries: c.entries, Left: 1}
		got := ""
		for _, x := range s.InShort() {
			if x.Tone == "bad" {
				got = x.Text
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
