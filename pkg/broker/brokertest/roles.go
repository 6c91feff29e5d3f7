package brokertest

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

func noticesAreTold(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	var want []string
	tell := func(rules ...string) {
		t.Helper()
		var out broker.Outgoing
		for _, rule := range rules {
			out.Notices = append(out.Notices, &notice.Notice{Tenant: "acme", User: notice.User{ID: "u"}, EventID: "e", Source: "//t", Rule: rule, Policy: "p@1", Decision: "allow"})
		}
		if err := o.batch(out); err != nil {
			t.Fatal(err)
		}
		for i, n := range out.Notices {
			n.ID = broker.NoticeID(broker.Position{Partition: 0, Seq: o.last.Seq}, i)
			want = append(want, n.Rule)
			if outlet := b.Outlet(); outlet != nil {
				for range 2 { // the second time is a repetition
					if err := outlet.Notice(t.Context(), n); err != nil {
						t.Fatal(err)
					}
				}
				if last, err := outlet.LastNotice(t.Context(), "acme", "u"); err != nil || last != n.ID {
					t.Fatalf("the newest is %q (%v), want %q", last, err, n.ID)
				}
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if at, err := b.NewestNotice(ctx); err != nil || at != 0 {
		t.Fatalf("before the first one the newest is at %d (%v)", at, err)
	}
	tell("a", "b")
	tell("c")
	r, err := b.OpenNotices(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []broker.StoredNotice
	for len(all) < 3 {
		if all, err = r.Take(ctx, all); err != nil {
			t.Fatal(err)
		}
	}
	tell("d")
	for len(all) < 4 {
		if all, err = r.Take(ctx, all); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	last := ""
	for _, s := range all {
		got = append(got, s.Notice.Rule)
		was, n, _ := broker.ParseNoticeID(last)
		is, k, ok := broker.ParseNoticeID(s.Notice.ID)
		if !ok || is.Seq < was.Seq || is.Seq == was.Seq && last != "" && k <= n {
			t.Errorf("%s has id %q behind %q", s.Notice.Rule, s.Notice.ID, last)
		}
		last = s.Notice.ID
	}
	if !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if at, err := b.NewestNotice(ctx); err != nil || at < all[3].Position {
		t.Errorf("the newest is at %d (%v), the last read at %d", at, err, all[3].Position)
	}
}

func signalsBecomeFlags(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	say := func(session, state string, revision uint64) {
		t.Helper()
		now := time.Now().UnixMilli()
		sig := &riskdv1.Signal{ChallengeId: "ch_" + session, Revision: revision, TenantId: "acme", UserId: "u", SessionId: session, State: state,
			IssuedAtMs: now, AtMs: now, ExpiresAtMs: now + 600_000, OnExpiry: "deny"}
		if err := o.batch(broker.Outgoing{Signals: []*riskdv1.Signal{sig}}); err != nil {
			t.Fatal(err)
		}
		if out := b.Outlet(); out != nil {
			pos := broker.Position{Partition: 0, Seq: o.last.Seq}
			if applied, err := out.Flag(t.Context(), sig, pos); err != nil || !applied {
				t.Fatalf("flag: %v, %v", applied, err)
			}
			if err := out.Signal(t.Context(), sig, pos); err != nil {
				t.Fatal(err)
			}
		}
	}
	say("one", "required", 1)
	say("two", "required", 1)
	say("one", "satisfied", 2)
	r, err := b.Follow()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	open1 := openFlags{}
	open1.drain(t, ctx, r)
	if len(open1) != 1 {
		t.Fatalf("got flags %v, want that of session two alone", open1)
	}
	say("three", "denied", 1)
	for len(open1) != 2 {
		all, err := r.Take(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		open1.learn(all)
	}
	if !slices.ContainsFunc(slices.Collect(keys(open1)), func(k string) bool { return len(k) >= 10 && k[:10] == subject.Key("acme", "three") }) {
		t.Fatalf("got flags %v: a key begins with its session", open1)
	}
}

// openFlags are the states of the flags that are open, by their keys.
type openFlags map[string]string

func (o openFlags) learn(changes []broker.Flag) {
	for _, f := range changes {
		if delete(o, f.Key); f.Signal != nil {
			o[f.Key] = f.Signal.State
		}
	}
}

// drain learns all that a reader has for now.
func (o openFlags) drain(t *testing.T, ctx context.Context, r broker.FlagReader) {
	t.Helper()
	for end := false; !end; {
		all, done, err := r.Drain(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.learn(all)
		end = done
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func workersShare(t *testing.T, open Open) {
	const partitions = 6
	again := open(t, partitions)
	join := func(id string) (broker.Workers, func()) {
		b, _ := opened(t, again)
		w, err := b.Workers(broker.WorkersConfig{ID: id, Partitions: partitions, TTL: 1500 * time.Millisecond, HandoverWait: 2 * time.Second,
			Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = w.Run(ctx) }()
		held := make(chan struct{})
		go func() { // holds what it gets
			defer close(held)
			for {
				if mine, _, ok := w.Mine(); ok {
					w.Hold(mine)
				}
				select {
				case <-w.Changed():
					time.Sleep(10 * time.Millisecond)
				case <-time.After(100 * time.Millisecond):
				case <-ctx.Done():
					return
				}
			}
		}()
		stop := func() {
			leave, end := context.WithTimeout(context.Background(), 5*time.Second)
			defer end()
			_ = w.Leave(leave)
			cancel()
			<-done
			<-held
		}
		t.Cleanup(stop)
		return w, stop
	}
	has := func(what string, w broker.Workers, want int) {
		t.Helper()
		deadline := time.Now().Add(25 * time.Second)
		for {
			mine, _, ok := w.Mine()
			if ok && len(mine) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: got %v (%v), want %d partitions", what, mine, ok, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	a, _ := join("a")
	has("alone", a, partitions)
	c, stop := join("b")
	has("the second", c, partitions/2)
	has("the first, of two", a, partitions/2)
	if c.Alone() {
		t.Error("one of two believes to be alone")
	}
	stop()
	has("alone again", a, partitions)
}
