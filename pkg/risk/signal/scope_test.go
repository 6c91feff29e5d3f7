package signal_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

func drawScope(t *rapid.T) signal.Scope {
	word := rapid.SampledFrom([]string{"", "a", "b"})
	s := signal.Scope{
		Action: word.Draw(t, "action"), ResourceType: word.Draw(t, "type"),
		Class: event.Sensitivity(rapid.IntRange(0, int(event.Critical)).Draw(t, "class")),
	}
	if s.ResourceType != "" {
		s.ResourceID = word.Draw(t, "id")
	}
	return s
}

func TestTwoScopesTogetherCoverWhatEachDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawScope(t), drawScope(t)
		both := a.And(b)
		if other := b.And(a); both != other {
			t.Fatalf("%+v and %+v give %+v one way and %+v the other", a, b, both, other)
		}
		action := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "done")
		r := event.Resource{
			Type: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "to"), ID: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "which"),
			Sensitivity: event.Sensitivity(rapid.IntRange(0, int(event.Critical)).Draw(t, "of")),
		}
		if (a.Covers(action, r) || b.Covers(action, r)) && !both.Covers(action, r) {
			t.Fatalf("%s of %+v waits for %+v or %+v, and not for %+v", action, r, a, b, both)
		}
	})
}

func TestTheWholeSessionCoversEverythingAndAClassOnlyWhatIsAbove(t *testing.T) {
	if !(signal.Scope{}).Covers("mail.read", event.Resource{}) {
		t.Error("the whole session does not cover an action")
	}
	restricted := signal.Scope{Class: event.Restricted}
	for class, want := range map[event.Sensitivity]bool{event.SensUnknown: false, event.Internal: false, event.Restricted: true, event.Critical: true} {
		if got := restricted.Covers("resource.read", event.Resource{Type: "page", Sensitivity: class}); got != want {
			t.Errorf("class %d: %v, want %v", class, got, want)
		}
	}
}
