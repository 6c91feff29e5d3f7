package risk_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

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

func (fixedRevokes) Digest() []byte { return []byte("ends") }

func (fixedRevokes) ReasonUser(string) string { return "" }
