package sdk

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type pair struct{ tenant, session string }

func TestTheTableAgreesWithAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, model := newTable(), map[pair]*flag{}
		names := rapid.SampledFrom([]string{"", "a", "b", "ab", "ba", "aa", "bb", "s1", "s2", "s3"})
		for range rapid.IntRange(0, 400).Draw(t, "steps") {
			k := pair{names.Draw(t, "tenant"), names.Draw(t, "session") + names.Draw(t, "more")}
			switch rapid.IntRange(0, 2).Draw(t, "op") {
			case 0:
				f := &flag{tenant: k.tenant, session: k.session, state: Required}
				tab.put(f)
				model[k] = f
			case 1:
				if got, want := tab.remove(k.tenant, k.session), model[k]; got != want {
					t.Fatalf("remove %v: got %v, want %v", k, got, want)
				}
				delete(model, k)
			case 2:
				if got, want := tab.get(k.tenant, k.session), model[k]; got != want {
					t.Fatalf("get %v: got %v, want %v", k, got, want)
				}
			}
			if tab.live != len(model) {
				t.Fatalf("live: got %d, want %d", tab.live, len(model))
			}
		}
		left := 0
		tab.each(func(f *flag) {
			left++
			if model[pair{f.tenant, f.session}] != f {
				t.Fatalf("each: %v is not in the model", f)
			}
		})
		if left != len(model) {
			t.Fatalf("each: got %d, want %d", left, len(model))
		}
	})
}

func TestReadersNeverMissAFlagThatStaysWhileOthersComeAndGo(t *testing.T) {
	tab := newTable()
	for i := range 50 {
		tab.put(&flag{tenant: "acme", session: fmt.Sprint("stays", i), state: Required})
	}
	var stop atomic.Bool
	var missed atomic.Int64
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !stop.Load() {
				for i := range 50 {
					if tab.get("acme", fmt.Sprint("stays", i)) == nil {
						missed.Add(1)
					}
				}
			}
		})
	}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		for i := range 2000 {
			tab.put(&flag{tenant: "acme", session: fmt.Sprint("goes", i), state: Required})
		}
		for i := range 2000 {
			tab.remove("acme", fmt.Sprint("goes", i))
		}
	}
	stop.Store(true)
	readers.Wait()
	if n := missed.Load(); n != 0 {
		t.Errorf("missed %d times", n)
	}
}

// benchGuard holds n flags and answers about sessions that are flagged or not.
func benchGuard(n int) *Guard {
	g := &Guard{flags: newTable()}
	for i := range n {
		g.flags.put(newFlag("acme", session(i), 1, &riskdv1.Signal{ChallengeId: "ch", Revision: 1, State: "required"}))
	}
	g.current(time.Now())
	return g
}

func session(i int) string { return fmt.Sprintf("0192f0c4-7a7b-7c1d-9a55-%012x", i) }

func TestCheckDoesNotAllocate(t *testing.T) {
	g := benchGuard(1000)
	g.flags.put(newFlag("acme", "scoped", 1, &riskdv1.Signal{
		ChallengeId: "ch", Revision: 1, State: "required", Scope: &riskdv1.Scope{Action: "apikey.create", Sensitivity: "restricted"},
	}))
	mail := Resource{Type: "mail", Sensitivity: Internal}
	if n := testing.AllocsPerRun(1000, func() { sink = g.Check("acme", "scoped").On("resource.read", mail) }); n != 0 || sink.State != Clear {
		t.Errorf("narrowed: got %v allocations and %v, want 0 and clear", n, sink.State)
	}
	for _, s := range []string{session(5), session(5000)} {
		if n := testing.AllocsPerRun(1000, func() { g.Check("acme", s) }); n != 0 {
			t.Errorf("got %v allocations, want 0", n)
		}
	}
}

var sink Verdict

func BenchmarkCheck(b *testing.B) {
	for _, flags := range []int{0, 1000, 100_000} {
		g := benchGuard(flags)
		keys := make([]string, 1024)
		for _, who := range []string{"clear", "flagged"} {
			if who == "flagged" && flags == 0 {
				continue
			}
			for i := range keys {
				keys[i] = session(i)
				if who == "clear" {
					keys[i] = session(i + 10_000_000)
				}
			}
			b.Run(fmt.Sprintf("flags=%d/%s", flags, who), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					sink = g.Check("acme", keys[i&1023])
				}
			})
		}
	}
	g := benchGuard(1000)
	b.Run("with staleness", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v := g.Check("acme", "s"); v.State != Clear || v.Staleness() > time.Hour {
				b.Fatal(v)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			s := session(3)
			for pb.Next() {
				_ = g.Check("acme", s)
			}
		})
	})
}

// BenchmarkLookup compares the table with what one would take first. Only the look-up is measured, for
// a session without a flag among 1000 flags, as nearly every request is.
func BenchmarkLookup(b *testing.B) {
	const flags = 1000
	tab, plain := newTable(), map[pair]*flag{}
	var mu sync.RWMutex
	var sm sync.Map
	var cow atomic.Pointer[map[pair]*flag]
	for i := range flags {
		f := &flag{tenant: "acme", session: session(i)}
		tab.put(f)
		plain[pair{f.tenant, f.session}] = f
		sm.Store(pair{f.tenant, f.session}, f)
	}
	cow.Store(&plain)
	miss := session(10_000_000)
	for _, c := range []struct {
		name string
		get  func(tenant, session string) *flag
	}{
		{"table", tab.get},
		{"copy-on-write map", func(t, s string) *flag { return (*cow.Load())[pair{t, s}] }},
		{"RWMutex map", func(t, s string) *flag { mu.RLock(); defer mu.RUnlock(); return plain[pair{t, s}] }},
		{"sync.Map", func(t, s string) *flag {
			f, ok := sm.Load(pair{t, s})
			if !ok {
				return nil
			}
			return f.(*flag)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c.get("acme", miss) != nil {
					b.Fatal("found")
				}
			}
		})
		b.Run(c.name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if c.get("acme", miss) != nil {
						b.Error("found")
					}
				}
			})
		})
	}
}
