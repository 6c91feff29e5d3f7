package scorer

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// forgetful is a broker that stores every signal it is sent, as one does whose window for repeated messages is over, and loses some
// of its answers.
type forgetful struct {
	stored []*riskdv1.Signal
	pos    []broker.Position
	// loseAnswer is the number of the signal whose first answer is lost.
	loseAnswer int
}

func (f *forgetful) Flag(context.Context, *riskdv1.Signal, broker.Position) (bool, error) {
	return true, nil
}
func (f *forgetful) Dead(context.Context, int, *riskdv1.JournalEntry) error { return nil }

func (f *forgetful) Signal(_ context.Context, sig *riskdv1.Signal, pos broker.Position) error {
	f.stored, f.pos = append(f.stored, sig), append(f.pos, pos)
	if len(f.stored) == f.loseAnswer {
		return errors.New("no answer")
	}
	return nil
}

func (f *forgetful) LastSignal(context.Context, string, string) (*riskdv1.Signal, broker.Position, bool, error) {
	n := len(f.stored)
	if n == 0 {
		return nil, broker.Position{}, false, nil
	}
	return f.stored[n-1], f.pos[n-1], true, nil
}

func TestSignalsAreStoredOnceHoweverOftenAndLateTheyAreRepeated(t *testing.T) {
	signal := func(challenge string, revision uint64) *riskdv1.Signal {
		return &riskdv1.Signal{TenantId: "acme", SessionId: "s", UserId: "u", ChallengeId: challenge, Revision: revision, State: "required"}
	}
	batch := func(storedNS int64) []effect { // three records; the second one has two signals
		return []effect{
			{seq: 3, signals: []*riskdv1.Signal{signal("a", 1)}, stored: []int64{storedNS}},
			{seq: 5, signals: []*riskdv1.Signal{signal("a", 2), signal("b", 1)}, stored: []int64{storedNS, storedNS}},
			{seq: 6, signals: []*riskdv1.Signal{signal("b", 2)}, stored: []int64{storedNS}},
		}
	}
	for lost := range 5 { // 0: no answer is lost
		for died := range 5 { // the first owner dies after so many are stored
			out := &forgetful{loseAnswer: lost}
			s := &Service{outlet: out, deps: Deps{Log: testLog()}}
			s.metrics = newMetrics(prometheus.NewRegistry(), s)
			first := newEffects(s, 7)
			ctx, cancel := context.WithCancel(t.Context())
			dying := &dies{forgetful: out, after: died, die: cancel}
			s.outlet = dying
			first.publish(ctx, batch(1))
			cancel()
			s.outlet = out
			if !newEffects(s, 7).publish(t.Context(), batch(0)) {
				t.Fatal("not published")
			}
			var got []uint64
			for _, p := range out.pos {
				got = append(got, p.Seq)
			}
			if !slices.Equal(got, []uint64{3, 5, 5, 6}) || out.stored[1].ChallengeId != "a" || out.stored[2].ChallengeId != "b" {
				t.Errorf("answer %d lost, owner dead after %d: signals of records %v are stored, want 3, 5, 5, 6", lost, died, got)
			}
		}
	}
}

// dies ends its owner after so many signals.
type dies struct {
	*forgetful
	after int
	die   func()
}

func (d *dies) Signal(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) error {
	if len(d.stored) >= d.after {
		d.die()
		return ctx.Err()
	}
	return d.forgetful.Signal(ctx, sig, pos)
}
