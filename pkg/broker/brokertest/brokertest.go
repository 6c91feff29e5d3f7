// Package brokertest is what every broker has to do alike: the promises that riskd's roles rest on, as tests.
package brokertest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Broker is all that the roles declare.
type Broker interface {
	Open(ctx context.Context) (broker.Installation, error)
	Workers(cfg broker.WorkersConfig) (broker.Workers, error)
	Log(partition int) broker.Log
	Outlet() broker.Outlet
	Publisher() broker.Publisher
	Follow() (broker.FlagReader, error)
	broker.Notices
}

// Open makes an installation of that many partitions; the result opens it as one more process would.
type Open func(t testing.TB, partitions int) func(t testing.TB) Broker

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"events of a user are read in order from one partition", eventsInOrder},
		{"records are read back as a chain, and the newest is known", recordsReadBack},
		{"an older owner is refused, and nothing of it is seen", olderOwnerIsRefused},
		{"a reader sees only what was committed, and goes on from any position", readersGoOn},
		{"what is not done with stays as it is", whatIsNotDoneWithStays},
		{"pages are kept, the newest of each name", pagesAreKept},
		{"pages of an earlier owner are not missed", pagesOfAnEarlierOwnerAreNotMissed},
		{"what was trimmed is told", trimmedIsTold},
		{"signals become flags, and cleared ones leave", signalsBecomeFlags},
		{"what many sessions are told at once is known to be done, or done one by one", manyAreTold},
		{"notices are told once, in order, to whoever comes later", noticesAreTold},
		{"workers share the partitions, and hand them over", workersShare},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// Smoke does a little of everything, where connections are what is tried.
func Smoke(t *testing.T, open func(testing.TB) Broker) {
	b, _ := opened(t, open)
	if r := b.Publisher().PublishBatch(t.Context(), []*riskdv1.Event{event("u", 1)}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	o := own(t, b, 0, "a")
	if err := o.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	if got := takeAll(t, func() (broker.Reader, error) { return o.log.Input(1, 10, 1<<20) }, 1); len(got) != 1 {
		t.Fatalf("got %d events", len(got))
	}
	if last, ok, err := o.log.Last(t.Context()); err != nil || !ok || last.Seq != o.last.Seq {
		t.Fatalf("got last %d, %v, %v", last.Seq, ok, err)
	}
}

func opened(t testing.TB, open func(testing.TB) Broker) (Broker, broker.Installation) {
	t.Helper()
	b := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := b.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return b, in
}

func event(user string, n int) *riskdv1.Event {
	return &riskdv1.Event{Id: user + "-" + strconv.Itoa(n), Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: 1_700_000_000_000 + int64(n),
		TenantId: "acme", User: &riskdv1.User{Id: user}, Action: "auth.login", Outcome: "success"}
}

func eventsInOrder(t *testing.T, open Open) {
	const partitions, users, each = 3, 20, 15
	b, in := opened(t, open(t, partitions))
	if in.Partitions != partitions || in.MaxMessage < 1<<20 {
		t.Fatalf("got installation %+v", in)
	}
	var evs []*riskdv1.Event
	for n := range each {
		for u := range users {
			evs = append(evs, event("u"+strconv.Itoa(u), n))
		}
	}
	for i, r := range b.Publisher().PublishBatch(t.Context(), evs) {
		if r.Err != nil {
			t.Fatalf("event %d: %v", i, r.Err)
		}
	}
	next, where, total := map[string]int{}, map[string]int{}, 0
	for p := range partitions {
		l := b.Log(p)
		end, err := l.InputEnd(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range takeAll(t, func() (broker.Reader, error) { return l.Input(1, 100, 1<<20) }, end) {
			ev := new(riskdv1.Event)
			if err := wire.DecodeInto(m.Envelope, m.Data, ev); err != nil {
				t.Fatal(err)
			}
			user := ev.User.Id
			if at, known := where[user]; known && at != p {
				t.Fatalf("user %s lies in partitions %d and %d", user, at, p)
			}
			where[user] = p
			if want := user + "-" + strconv.Itoa(next[user]); ev.Id != want {
				t.Fatalf("got event %s, want %s", ev.Id, want)
			}
			if m.StoredNS < time.Now().Add(-time.Minute).UnixNano() || m.Missing != 0 {
				t.Fatalf("got stored %d, missing %d", m.StoredNS, m.Missing)
			}
			next[user]++
			total++
		}
	}
	if total != users*each {
		t.Fatalf("got %d events, want %d", total, users*each)
	}
}

// takeAll reads until sequence end, or all that comes when end is 0.
func takeAll(t testing.TB, open func() (broker.Reader, error), end uint64) (out []broker.Message) {
	t.Helper()
	if end == 0 {
		return nil
	}
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(out) == 0 || out[len(out)-1].Seq < end {
		if out, err = r.Take(ctx, out, 64, 1<<20); err != nil {
			t.Fatalf("after %d messages, at end %d: %v", len(out), end, err)
		}
	}
	return out
}
