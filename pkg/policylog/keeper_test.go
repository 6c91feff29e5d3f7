package policylog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
)

// keeper follows a log until the test ends.
func keeper(t *testing.T, log policylog.Log, base ...*rules.File) *policylog.Keeper {
	t.Helper()
	k, err := policylog.NewKeeper(policylog.KeeperConfig{Log: log, Base: base, Baseline: baseline.Default(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return k
}

// judges names the policies that judge some users once a revision is in force.
func judges(t *testing.T, k *policylog.Keeper, revision uint64, tenant string) map[string]int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	e, at, err := k.Wait(ctx, revision)
	if err != nil {
		t.Fatal(err)
	}
	if at != revision {
		t.Fatalf("revision %d is in force, want %d", at, revision)
	}
	return users(e, tenant)
}

func users(e *rules.Engine, tenant string) map[string]int {
	out := map[string]int{}
	for i := range 1000 {
		out[e.For(tenant, fmt.Sprintf("user-%d", i)).Policy().Version()]++
	}
	return out
}

func TestAVersionIsRolledOutRolledBackAndFoundAgainAtItsRevision(t *testing.T) {
	log := new(policylogtest.Memory)
	b := policylog.NewBook(log)
	ctx := t.Context()
	base, err := rules.Parse([]byte("id: started"))
	if err != nil {
		t.Fatal(err)
	}
	k := keeper(t, log, base)
	started := base.Policy.Version()
	if got := judges(t, k, 0, "acme"); got[started] != 1000 {
		t.Fatalf("before any change: %v", got)
	}
	v1, v2 := push(t, b, "ann", text("mine", 40)), push(t, b, "ann", text("mine", 45))
	act := func(version string, share float64) uint64 {
		t.Helper()
		c, err := b.Activate(ctx, "", version, share, by("bob"))
		if err != nil {
			t.Fatal(err)
		}
		return c.N
	}
	back := func() uint64 {
		t.Helper()
		c, err := b.Rollback(ctx, "", by("bob"))
		if err != nil {
			t.Fatal(err)
		}
		return c.N
	}
	r1 := act(v1, 10)
	tenth := judges(t, k, r1, "acme")
	if n := tenth[v1]; n < 50 || n > 160 || tenth[started] != 1000-n {
		t.Errorf("a tenth of the users: %v", tenth)
	}
	if _, err := b.Activate(ctx, "", v2, 100, by("bob")); !errors.Is(err, policylog.ErrRefused) {
		t.Errorf("a second version beside one that is for a tenth: %v", err)
	}
	r2 := act(v1, 50)
	half := judges(t, k, r2, "acme")
	if n := half[v1]; n < 430 || n > 570 {
		t.Errorf("half of the users: %v", half)
	}
	r3 := act(v1, 100)
	if got := judges(t, k, r3, "acme"); got[v1] != 1000 {
		t.Errorf("all users: %v", got)
	}
	if got := judges(t, k, act(v2, 100), "acme"); got[v2] != 1000 {
		t.Errorf("the next version: %v", got)
	}
	if got := judges(t, k, back(), "acme"); got[v1] != 1000 {
		t.Errorf("rolled back once: %v", got)
	}
	if got := judges(t, k, back(), "acme"); got[started] != 1000 {
		t.Errorf("rolled back to what riskd was started with: %v", got)
	}

	// What judged at a revision can be found again, by one who comes later, too.
	late := keeper(t, log, base)
	judges(t, late, back0(t, b), "acme")
	for _, c := range []struct {
		revision uint64
		want     map[string]int
	}{{0, map[string]int{started: 1000}}, {r1, tenth}, {r2, half}, {r3, map[string]int{v1: 1000}}} {
		e, err := late.At(ctx, c.revision)
		if err != nil {
			t.Fatal(err)
		}
		if got := users(e, "acme"); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("revision %d: got %v, want %v", c.revision, got, c.want)
		}
	}
	if _, err := late.At(ctx, 1); !errors.Is(err, policylog.ErrMissing) {
		t.Errorf("the revision of a push: %v", err)
	}
}

// back0 is the revision in force.
func back0(t *testing.T, b *policylog.Book) uint64 {
	t.Helper()
	s, err := b.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Revision
}

func TestAnEditedChangeIsFound(t *testing.T) {
	log := new(policylogtest.Memory)
	b := policylog.NewBook(log)
	push(t, b, "ann", text("one", 40))
	v := push(t, b, "ann", text("two", 40))
	if _, err := b.Activate(t.Context(), "", v, 100, by("ann")); err != nil {
		t.Fatal(err)
	}
	log.Edit(1, []byte(`{"n":1,"kind":"pushed","at":"2026-01-01T00:00:00Z","author":"eve","reason":"because","version":"one@00000000","digest":"`+strings.Repeat("0", 64)+`"}`))
	if _, err := b.State(t.Context()); !errors.Is(err, policylog.ErrBroken) {
		t.Errorf("got %v, want ErrBroken", err)
	}
	k := keeper(t, log)
	for range 50 {
		if err := k.Ready(); errors.Is(err, policylog.ErrBroken) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("a keeper is ready over a broken log: %v", k.Ready())
}

func TestATextThatWasReplacedIsNotPutInForce(t *testing.T) {
	log := new(policylogtest.Memory)
	b := policylog.NewBook(log)
	v := push(t, b, "ann", text("one", 40))
	if err := log.Put(t.Context(), policylog.Digest(text("one", 40)), text("one", 99)); err != nil {
		t.Fatal(err)
	}
	k := keeper(t, log)
	if _, err := b.Activate(t.Context(), "", v, 100, by("ann")); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := k.Ready(); errors.Is(err, policylog.ErrBroken) {
			if _, at := k.Current(); at != 0 {
				t.Errorf("revision %d is in force", at)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a keeper is ready with a text that is not the one that was pushed")
}
