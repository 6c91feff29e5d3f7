package scorer

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
)

// answers is a broker that takes many sessions at once. A session's name says what is done and what is answered when it is told with
// others: f, s: flag and signal are done; F, S: and it says so. Behind a slash comes what of its next signal is. One by one all is done.
type answers struct {
	mu      sync.Mutex
	flags   map[string][]uint64 // revisions, by session
	signals map[string][]uint64
	alone   []string // sessions that were published one by one
	bursts  []int    // how many sessions were told at once
	release chan struct{}
}

func newAnswers() *answers {
	return &answers{flags: map[string][]uint64{}, signals: map[string][]uint64{}, release: make(chan struct{})}
}

func (l *answers) Tell(ctx context.Context, words []broker.Word) []broker.Told {
	<-l.release
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bursts = append(l.bursts, len(words))
	told := make([]broker.Told, len(words))
	for i, w := range words {
		name, rev := w.Signal.SessionId, w.Signal.Revision
		does, next, _ := strings.Cut(name, "/")
		if w.Flag == nil {
			does = next
		} else if strings.ContainsAny(does, "fF") {
			l.flags[name] = append(l.flags[name], w.Flag.Revision)
		}
		if strings.ContainsAny(does, "sS") {
			l.signals[name] = append(l.signals[name], rev)
		}
		if w.Flag != nil && strings.Contains(does, "F") {
			told[i].Flagged = time.Now()
		}
		told[i].Stored = strings.Contains(does, "S")
	}
	return told
}

func (l *answers) Flag(_ context.Context, sig *riskdv1.Signal, _ broker.Position) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alone = append(l.alone, sig.SessionId)
	l.flags[sig.SessionId] = append(l.flags[sig.SessionId], sig.Revision)
	return true, nil
}

func (l *answers) Signal(_ context.Context, sig *riskdv1.Signal, _ broker.Position) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signals[sig.SessionId] = append(l.signals[sig.SessionId], sig.Revision)
	return nil
}

// LastSignal answers for record and revision alike: in these tests they are the same number, or the revision has one digit more.
func (l *answers) LastSignal(_ context.Context, _, session string) (*riskdv1.Signal, broker.Position, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.signals[session]
	if len(all) == 0 {
		return nil, broker.Position{}, false, nil
	}
	last := all[len(all)-1]
	seq := last
	if seq > 9 {
		seq /= 10
	}
	return &riskdv1.Signal{ChallengeId: session, Revision: last}, broker.Position{Seq: seq}, true, nil
}

func (l *answers) Dead(context.Context, int, *riskdv1.JournalEntry) error { return nil }
func (l *answers) Notice(context.Context, *notice.Notice) error           { return nil }
func (l *answers) LastNotice(context.Context, string, string) (string, error) {
	return "", nil
}

// recordOf is the effect of a record in which each session has one signal, whose revision is the record's number.
func recordOf(seq uint64, sessions ...string) effect {
	e := effect{seq: seq}
	for _, s := range sessions {
		e.add([]*riskdv1.Signal{{TenantId: "acme", SessionId: s, ChallengeId: s, Revision: seq, State: "required"}}, 1)
	}
	return e
}

func TestWhatManyAreToldIsPublishedOnceWhateverIsKnownOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newAnswers()
		s := &Service{outlet: out, deps: Deps{Log: testLog()}}
		s.metrics = newMetrics(prometheus.NewRegistry(), s)
		f := newEffects(t.Context(), s, 0)
		var names []string // every combination of done and said
		for _, flag := range []string{"", "f", "F"} {
			for _, signal := range []string{"", "s", "S"} {
				names = append(names, "-"+flag+signal)
			}
		}
		f.enqueue(t.Context(), recordOf(3, names...))
		f.enqueue(t.Context(), recordOf(5, "-FS", "other-FS")) // -FS waits for its first one
		out.signals["again-FS"] = []uint64{7}                  // an earlier owner's
		again := recordOf(7, "again-FS")
		again.stored[0] = 0
		f.enqueue(t.Context(), again)
		synctest.Wait()
		if got := f.publishedThrough(5); got != 2 {
			t.Errorf("published through %d before anything was answered, want 2", got)
		}
		close(out.release)
		f.finish()
		for _, name := range names {
			want := []uint64{3}
			if name == "-FS" {
				want = []uint64{3, 5}
			}
			if got := out.signals[name]; !slices.Equal(got, want) {
				t.Errorf("%s: signals %v are stored, want %v", name, got, want)
			}
			if got := slices.Compact(out.flags[name]); !slices.Equal(got, want) { // a flag may be written again
				t.Errorf("%s: flags %v are written, want %v", name, got, want)
			}
		}
		if got := out.signals["again-FS"]; len(got) != 1 {
			t.Errorf("what an earlier owner stored is stored again: %v", got)
		}
		if slices.Sort(out.bursts); !slices.Equal(out.bursts, []int{1, len(names)}) {
			t.Errorf("told at once: %v, want 1 and %d", out.bursts, len(names))
		}
		if slices.Contains(out.alone, "other-FS") || !slices.Contains(out.alone, "-FS") {
			t.Errorf("one by one: %v", out.alone)
		}
		if f.publishedThrough(9) != 9 || len(f.lanes) != 0 || len(f.room)+len(f.ways)+len(f.slots) != 0 {
			t.Errorf("published through %d, %d lanes, %d records, %d ways", f.publishedThrough(9), len(f.lanes), len(f.room), len(f.ways))
		}
		if got := testutil.ToFloat64(s.metrics.signals.WithLabelValues("required")); got != float64(len(names)+3) {
			t.Errorf("%v signals are counted, want %d", got, len(names)+3)
		}
	})
}

// Of a session's signals each is told when the one before is known to be stored, and its flag follows from the last one.
func TestSeveralSignalsOfASessionAreToldOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newAnswers()
		close(out.release)
		s := &Service{outlet: out, deps: Deps{Log: testLog()}}
		s.metrics = newMetrics(prometheus.NewRegistry(), s)
		f := newEffects(t.Context(), s, 0)
		e := effect{seq: 4}
		signals := func(name string, n int) (all []uint64) {
			for k := range n {
				rev, state := uint64(40+k), "required"
				if k == n-1 && strings.Contains(name, "clears") {
					state = "expired"
				}
				e.add([]*riskdv1.Signal{{TenantId: "acme", SessionId: name, ChallengeId: name, Revision: rev, State: state}}, 1)
				all = append(all, rev)
			}
			return all
		}
		want := map[string][]uint64{"FS/S, eight": signals("FS/S, eight", 8), "FS/S, nine": signals("FS/S, nine", 9), "FS alone": signals("FS alone", 1),
			"S/S, clears": signals("S/S, clears", 3)}
		for _, first := range []string{"FS", "fS", "S", "Fs", "F", ""} {
			for _, next := range []string{"S", "s", ""} {
				name := first + "/" + next
				want[name] = signals(name, 3)
			}
		}
		f.enqueue(t.Context(), e)
		f.finish()
		for name, revs := range want {
			if got := out.signals[name]; !slices.Equal(got, revs) {
				t.Errorf("%q: signals %v are stored, want %v", name, got, revs)
			}
			if got := slices.Compact(out.flags[name]); !slices.Equal(got, revs[len(revs)-1:]) {
				t.Errorf("%q: flags %v are written, want only that of the last signal, %d", name, got, revs[len(revs)-1])
			}
		}
		// All but the one with nine; then who had signal and flag known, or a flag that can wait; then whose every signal is known.
		if want := []int{21, 5, 3, 1, 1, 1, 1, 1}; !slices.Equal(out.bursts, want) {
			t.Errorf("told at once: %v, want %v", out.bursts, want)
		}
		if f.publishedThrough(9) != 9 || len(f.lanes) != 0 || len(f.room)+len(f.ways)+len(f.slots) != 0 {
			t.Errorf("published through %d, %d lanes, %d records, %d ways", f.publishedThrough(9), len(f.lanes), len(f.room), len(f.ways))
		}
	})
}

func TestSessionsThatAreToldTogetherAreBoundedAndEndWithTheirOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newAnswers()
		s := &Service{outlet: out, deps: Deps{Log: testLog()}}
		s.metrics = newMetrics(prometheus.NewRegistry(), s)
		owner, giveUp := context.WithCancel(t.Context())
		f := newEffects(owner, s, 0)
		var names []string
		for i := range 2 * effectWaiting {
			names = append(names, "FS"+strconv.Itoa(i))
		}
		stop, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if f.enqueue(stop, recordOf(4, names...)) || len(f.lanes) != effectWaiting {
			t.Errorf("%d sessions on their way, want %d", len(f.lanes), effectWaiting)
		}
		if got := f.publishedThrough(4); got != 3 {
			t.Errorf("published through %d, want 3", got)
		}
		giveUp()
		close(out.release)
		f.finish()
		for _, n := range out.bursts {
			if n > tellTogether {
				t.Errorf("%d sessions were told at once, the bound is %d", n, tellTogether)
			}
		}
		if got := f.publishedThrough(4); got != 3 {
			t.Errorf("then published through %d, want 3: half of the sessions were never told", got)
		}
	})
}
