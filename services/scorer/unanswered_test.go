package scorer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

// unanswered is a broker that does not answer the next so many questions for a partition's manifest.
type unanswered struct {
	Broker
	left atomic.Int32
}

type unansweredLog struct {
	broker.Log
	b *unanswered
}

func (b *unanswered) Log(n int) broker.Log {
	if n != 0 {
		return b.Broker.Log(n)
	}
	return unansweredLog{b.Broker.Log(n), b}
}

func (l unansweredLog) ReadPage(ctx context.Context, name string) (broker.Page, bool, error) {
	if name == manifestName && l.b.left.Add(-1) >= 0 {
		return broker.Page{}, false, context.DeadlineExceeded
	}
	return l.Log.ReadPage(ctx, name)
}

// A state that was not read because nobody answered is no damaged one, whose next attempt may be far away: events would wait for nothing.
func TestAPartitionWhoseBrokerDoesNotAnswerIsTriedAgainSoon(t *testing.T) {
	b, world, evs := stopped(t)
	w := newWorker(t, b.URL(), quickConfig(), newEnricher(t), testLog())
	away := &unanswered{Broker: w.deps.Broker}
	away.left.Store(3)
	w.deps.Broker = away
	began := time.Now()
	w.start(t)
	natstest.Eventually(t, "readiness says that partition 0 is tried again", func() bool {
		err := w.Ready()
		return errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrState)
	})
	w.ready(t)
	if took := time.Since(began); took > failedPause/2 {
		t.Errorf("a partition worked again after %s", took)
	}
	if left := away.left.Load(); left >= 0 {
		t.Errorf("%d questions were not asked", left+1)
	}
	w.stop(t)
	goesOn(t, b, world, evs)
}

func TestPausesBetweenAttempts(t *testing.T) {
	for _, c := range []struct {
		f    failure
		want time.Duration
	}{
		{failure{context.DeadlineExceeded, 1}, unansweredPause},
		{failure{context.DeadlineExceeded, 2}, 2 * unansweredPause},
		{failure{context.DeadlineExceeded, 1 << 30}, unansweredMost},
		{failure{errors.Join(ErrState, context.DeadlineExceeded), 1}, failedPause},
	} {
		if got := c.f.pause(); got != c.want {
			t.Errorf("%v: got %s, want %s", c.f, got, c.want)
		}
	}
}

// given is an assignment by hand.
type given struct {
	broker.Workers
	mine []int
}

func (g *given) Mine() ([]int, int, bool) { return g.mine, 0, true }
func (g *given) Hold([]int)               {}

// A worker whose partition went to another one, which works on it, is not unready because of it.
func TestAFailureGoesWithItsPartition(t *testing.T) {
	g := &given{}
	s := &Service{workers: g, owned: make(map[int]*ownership), failures: make(map[int]failure)}
	if f := s.fail(3, ErrState); f.times != 1 {
		t.Errorf("got %d failures", f.times)
	}
	if f := s.fail(3, ErrState); f.times != 2 {
		t.Errorf("got %d failures in a row, want 2", f.times)
	}
	if err := s.Ready(); !errors.Is(err, ErrState) {
		t.Errorf("got %v while the partition is ours", err)
	}
	s.follow(t.Context())
	if err := s.Ready(); err != nil {
		t.Errorf("another worker has the partition: %v", err)
	}
}
