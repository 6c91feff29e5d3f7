package scorer

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
)

// forgetful is a broker that stores every signal it is sent, as one does whose window for repeated messages is over, and loses some
// of its answers.
type forgetful struct {
	stored []*riskdv1.Signal
	pos    []broker.Position
	// loseAnswer is the number of the signal whose first answer is lost.
	loseAnswer int
	told       []string // ids of notices
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

func (f *forgetful) LastNotice(context.Context, string, string) (string, error) {
	if len(f.told) == 0 {
		return "", nil
	}
	return f.told[len(f.told)-1], nil
}

func (f *forgetful) Notice(_ context.Context, n *notice.Notice) error {
	f.told = append(f.told, n.ID)
	if len(f.told) == f.loseAnswer {
		return errors.New("no answer")
	}
	return nil
}

func TestNoticesAreToldOnceHoweverOftenAndLateTheyAreRepeated(t *testing.T) {
	batch := func(repeated bool) []effect { // three records; the second one tells two things
		tell := func(n int) (out []*notice.Notice) {
			for range n {
				out = append(out, &notice.Notice{Tenant: "acme", User: notice.User{ID: "u"}, Rule: "r"})
			}
			return out
		}
		return []effect{{seq: 3, notices: tell(1), repeated: repeated}, {seq: 5, notices: tell(2), repeated: repeated}, {seq: 16, notices: tell(1), repeated: repeated}}
	}
	for lost := range 5 { // 0: no answer is lost
		for died := range 5 { // the first owner dies after so many are stored
			out := &forgetful{loseAnswer: lost}
			s := &Service{outlet: out, deps: Deps{Log: testLog()}}
			s.metrics = newMetrics(prometheus.NewRegistry(), s)
			ctx, cancel := context.WithCancel(t.Context())
			s.outlet = &dies{forgetful: out, after: died, die: cancel}
			publishAndFinish(newEffects(ctx, s, 7), batch(false))
			cancel()
			s.outlet = out
			second := newEffects(t.Context(), s, 7)
			if publishAndFinish(second, batch(true)); second.publishedThrough(20) != 20 {
				t.Fatal("not published")
			}
			if want := []string{"7:3:0", "7:5:0", "7:5:1", "7:16:0"}; !slices.Equal(out.told, want) {
				t.Errorf("answer %d lost, owner dead after %d: told %v, want %v", lost, died, out.told, want)
			}
		}
	}
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
			ctx, cancel := context.WithCancel(t.Context())
			s.outlet = &dies{forgetful: out, after: died, die: cancel}
			publishAndFinish(newEffects(ctx, s, 7), batch(1))
			cancel()
			s.outlet = out
			second := newEffects(t.Context(), s, 7)
			if publishAndFinish(second, batch(0)); second.publishedThrough(9) != 9 {
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

// dies ends its owner after so many signals or notices.
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

func (d *dies) Notice(ctx context.Context, n *notice.Notice) error {
	if len(d.told) >= d.after {
		d.die()
		return ctx.Err()
	}
	return d.forgetful.Notice(ctx, n)
}

func publishAndFinish(f *effects, records []effect) {
	for _, e := range records {
		f.enqueue(f.ctx, e)
	}
	f.finish()
}

// slow is a broker that keeps one session's flags waiting.
type slow struct {
	mu      sync.Mutex
	flags   []string // sessions, in order
	release chan struct{}
}

func (*slow) Notice(context.Context, *notice.Notice) error { return nil }

func (*slow) LastNotice(context.Context, string, string) (string, error) { return "", nil }

func (o *slow) Flag(ctx context.Context, sig *riskdv1.Signal, pos broker.Position) (bool, error) {
	if strings.HasPrefix(sig.SessionId, "slow") {
		select {
		case <-o.release:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flags = append(o.flags, sig.SessionId+":"+strconv.FormatUint(pos.Seq, 10))
	return true, nil
}
func (o *slow) Signal(context.Context, *riskdv1.Signal, broker.Position) error { return nil }
func (o *slow) Dead(context.Context, int, *riskdv1.JournalEntry) error         { return nil }
func (o *slow) LastSignal(context.Context, string, string) (*riskdv1.Signal, broker.Position, bool, error) {
	return nil, broker.Position{}, false, nil
}

func TestASessionThatCannotBePublishedHoldsUpNoOtherAndKeepsItsRecordUnpublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &slow{release: make(chan struct{})}
		s := &Service{outlet: out, deps: Deps{Log: testLog()}}
		s.metrics = newMetrics(prometheus.NewRegistry(), s)
		f := newEffects(t.Context(), s, 0)
		record := func(seq uint64, sessions ...string) {
			e := effect{seq: seq, dead: []*riskdv1.JournalEntry{{Input: seq}}}
			for i, session := range sessions {
				e.add([]*riskdv1.Signal{{TenantId: "acme", SessionId: session, ChallengeId: session, Revision: seq*10 + uint64(i), State: "required"}}, 1)
			}
			if !f.enqueue(t.Context(), e) {
				t.Error("refused")
			}
		}
		record(3, "slow", "quick")
		record(5, "quick")
		record(6, "slow", "slow")
		record(8, "other")
		synctest.Wait()
		if want := []string{"other:8", "quick:3", "quick:5"}; !slices.Equal(slices.Sorted(slices.Values(out.flags)), want) || f.publishedThrough(9) != 2 {
			t.Errorf("flags of %v, published through %d; want %v, 2: the slow one's first record is 3", out.flags, f.publishedThrough(9), want)
		}
		close(out.release)
		f.finish()
		if got := out.flags[3:]; !slices.Equal(got, []string{"slow:3", "slow:6"}) || f.publishedThrough(9) != 9 || len(f.lanes) != 0 || len(f.room)+len(f.ways)+len(f.slots) != 0 {
			t.Errorf("then flags of %v, published through %d, %d lanes, %d records on their way; want slow:3, slow:6, 9, 0, 0", got, f.publishedThrough(9), len(f.lanes), len(f.room))
		}
	})
}

func TestABrokerThatTakesNoFlagsMakesThePartitionWaitAndItsRecordStaysUnpublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Service{outlet: &slow{release: make(chan struct{})}, deps: Deps{Log: testLog()}}
		s.metrics = newMetrics(prometheus.NewRegistry(), s)
		owner, giveUp := context.WithCancel(t.Context())
		f := newEffects(owner, s, 0)
		e := effect{seq: 4}
		for i := range 2 * effectWaiting {
			e.add([]*riskdv1.Signal{{TenantId: "acme", SessionId: "slow" + strconv.Itoa(i), ChallengeId: "c", Revision: 1, State: "required"}}, 1)
		}
		stop, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if f.enqueue(stop, e) || len(f.lanes) != effectWaiting || len(f.slots) != effectParallel {
			t.Errorf("%d sessions on their way, %d being published; want %d, %d", len(f.lanes), len(f.slots), effectWaiting, effectParallel)
		}
		giveUp()
		f.finish()
		if got := f.publishedThrough(4); got != 3 {
			t.Errorf("published through %d, want 3", got)
		}
	})
}
