// Package brokertest is what every broker has to do alike: the promises that riskd's roles rest on, as tests.
package brokertest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
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

// owner appends records the way a scorer does.
type owner struct {
	t    testing.TB
	log  broker.Log
	name string
	last journal.Stored
}

func own(t testing.TB, b Broker, partition int, name string) *owner {
	t.Helper()
	o := &owner{t: t, log: b.Log(partition), name: name}
	t.Cleanup(o.log.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.log.Claim(ctx); err != nil {
		t.Fatal(err)
	}
	last, ok, err := o.log.Last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: uint32(partition), Epoch: 1, Owner: name}
	if ok {
		rec.Epoch, rec.PrevHash, rec.InputLast, rec.Totals = last.Record.Epoch+1, last.Hash[:], last.Record.InputLast, last.Record.Totals
	}
	o.last = last
	if err := o.put(rec, broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *owner) put(rec *riskdv1.JournalRecord, out broker.Outgoing) error {
	data, err := journal.Encode(rec)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	seq, err := o.log.Append(ctx, o.last.Seq, data, out)
	if err != nil {
		return err
	}
	if seq <= o.last.Seq {
		o.t.Fatalf("got sequence %d after %d", seq, o.last.Seq)
	}
	o.last = journal.Stored{Partition: int(rec.Partition), Seq: seq, Hash: journal.Hash(data), Record: rec}
	return nil
}

// batch appends a record of one dead entry.
func (o *owner) batch(out broker.Outgoing) error {
	prev := o.last
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, Partition: prev.Record.Partition, Epoch: prev.Record.Epoch,
		PrevHash: prev.Hash[:], InputLast: prev.Record.InputLast + 1, Owner: o.name,
		Entries: []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_DEAD, Input: prev.Record.InputLast + 1, Reason: "test"}}}
	t := prev.Record.GetTotals()
	rec.Totals = &riskdv1.Counts{Accepted: t.GetAccepted() + 1, DeadLettered: t.GetDeadLettered() + 1}
	out.InputLast = rec.InputLast
	return o.put(rec, out)
}

func recordsReadBack(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 2))
	if _, ok, err := b.Log(1).Last(t.Context()); ok || err != nil {
		t.Fatalf("an empty journal has a record: %v, %v", ok, err)
	}
	o := own(t, b, 1, "a")
	const batches = 40
	for range batches {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
	}
	last, ok, err := o.log.Last(t.Context())
	if err != nil || !ok || last.Seq != o.last.Seq || last.Hash != o.last.Hash {
		t.Fatalf("got last %d, %v, %v, want %d", last.Seq, ok, err, o.last.Seq)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []journal.Stored
	for at := uint64(0); at < last.Seq; at = all[len(all)-1].Seq {
		recs, err := r.Next(ctx, 1, at, 7)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, recs...)
	}
	var chain journal.Chain
	for _, s := range all {
		if err := chain.Next(s); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != batches+1 || all[len(all)-1].Record.Totals.Accepted != batches {
		t.Fatalf("got %d records", len(all))
	}
}

func olderOwnerIsRefused(t *testing.T, open Open) {
	again := open(t, 1)
	b, _ := opened(t, again)
	b2, _ := opened(t, again)
	old := own(t, b, 0, "old")
	if err := old.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	next := own(t, b2, 0, "new")
	if got := next.last.Record.Epoch; got != 2 {
		t.Fatalf("got epoch %d, want 2", got)
	}
	if err := next.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	sig := &riskdv1.Signal{ChallengeId: "ch_zombie", Revision: 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "denied"}
	if err := old.batch(broker.Outgoing{Signals: []*riskdv1.Signal{sig}}); !errors.Is(err, broker.ErrConflict) {
		t.Fatalf("the old owner's append: got %v, want ErrConflict", err)
	}
	if err := next.batch(broker.Outgoing{}); err != nil {
		t.Fatalf("the owner was disturbed: %v", err)
	}
	last, _, err := next.log.Last(t.Context())
	if err != nil || last.Record.Owner != "new" || last.Record.Totals.Accepted != 3 {
		t.Fatalf("got last record of %s with %d, %v", last.Record.Owner, last.Record.Totals.Accepted, err)
	}
	// It may come back, and goes on from what is there.
	back := own(t, b, 0, "old again")
	if back.last.Record.Epoch != 3 || back.last.Record.InputLast != 3 {
		t.Fatalf("got epoch %d at input %d, want 3 at 3", back.last.Record.Epoch, back.last.Record.InputLast)
	}
	if err := next.batch(broker.Outgoing{}); !errors.Is(err, broker.ErrConflict) {
		t.Fatalf("the second old owner's append: got %v, want ErrConflict", err)
	}
}

func readersGoOn(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	var seqs []uint64
	for range 10 {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, o.last.Seq)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, i := range []int{5, 0, 8, 3, 0} { // any order
		recs, err := r.Next(ctx, 0, seqs[i], 1)
		if err != nil || recs[0].Seq != seqs[i+1] {
			t.Fatalf("after %d: got %v, %v, want %d", seqs[i], recs, err, seqs[i+1])
		}
	}
	waiting, stop := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer stop()
	if recs, err := r.Next(waiting, 0, o.last.Seq, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after the end: got %v, %v", recs, err)
	}
	if err := o.batch(broker.Outgoing{}); err != nil {
		t.Fatal(err)
	}
	if recs, err := r.Next(ctx, 0, seqs[9], 1); err != nil || recs[0].Seq != o.last.Seq {
		t.Fatalf("a record that came later: got %v, %v", recs, err)
	}
}

func trimmedIsTold(t *testing.T, open Open) {
	b, _ := opened(t, open(t, 1))
	o := own(t, b, 0, "a")
	var seqs []uint64
	for range 6 {
		if err := o.batch(broker.Outgoing{}); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, o.last.Seq)
	}
	if err := o.log.TrimRecords(t.Context(), seqs[3]); err != nil {
		t.Fatal(err)
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := r.Next(ctx, 0, 0, 10)
	var trimmed *broker.TrimmedError
	if !errors.As(err, &trimmed) || trimmed.First != seqs[3] {
		t.Fatalf("got %v, want a TrimmedError that names %d", err, seqs[3])
	}
	recs, err := r.Next(ctx, 0, trimmed.First-1, 10)
	if err != nil || recs[0].Seq != seqs[3] {
		t.Fatalf("from the oldest on: got %v, %v", recs, err)
	}
	r2 := broker.NewJournalReader(b)
	defer r2.Close()
	if recs, err = r2.Next(ctx, 0, seqs[2], 10); err != nil || recs[0].Seq != seqs[3] {
		t.Fatalf("who had read all that is gone: got %v, %v", recs, err)
	}
	if last, ok, err := o.log.Last(ctx); err != nil || !ok || last.Seq != seqs[5] {
		t.Fatalf("got last %d, %v, %v", last.Seq, ok, err)
	}
}
