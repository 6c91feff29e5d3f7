package scorer

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func TestARecordThatRaisesNothingWaitsAndOneThatDoesTakesItAlong(t *testing.T) {
	evs := quiet(6)
	critical := evs[4]
	critical.Action, critical.Resource = "apikey.create", &riskdv1.Resource{Type: "apikey", Id: "k", Sensitivity: "critical"}
	msgs := messagesOf(t, evs)
	p, log := lonePartition(t)
	synctest.Test(t, func(t *testing.T) {
		in := make(handed, 8)
		p.tail = in
		stop, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.work(stop) }()
		began := time.Now()
		after := func(d time.Duration, send ...broker.Message) {
			time.Sleep(time.Until(began.Add(d)))
			in <- send
			synctest.Wait()
		}
		after(0, msgs[0])
		after(3*time.Millisecond, msgs[1], msgs[2])
		if len(log.records) != 0 || p.at.inputLast != 0 || p.st.users != 0 {
			t.Fatalf("%d records, %d users: nothing was held", len(log.records), p.st.users)
		}
		after(50*time.Millisecond, msgs[3])
		after(52*time.Millisecond, msgs[4])
		after(80*time.Millisecond, msgs[5])
		cancel() // what is held then is left to the next owner
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got, want := []int{len(log.records[0].Entries), len(log.records[1].Entries)}, []int{3, 2}; len(log.records) != 2 || !slices.Equal(got, want) {
			t.Fatalf("%d records of %v events, want %v", len(log.records), got, want)
		}
		if got := log.at[0].Sub(began); got != recordWait {
			t.Errorf("stored after %s, want %s", got, recordWait)
		}
		if got := log.at[1].Sub(began); got != 52*time.Millisecond {
			t.Errorf("the record that raises a signal was stored %s after its first event, not at once", got-50*time.Millisecond)
		}
		if n := len(log.records[1].Entries[1].Decision.GetSignals()); n == 0 {
			t.Error("no signal was raised: nothing was tested")
		}
		if p.held != nil {
			t.Error("a record is held for nobody")
		}
	})
}

func TestWhatIsJudgedInPiecesComesOutAsOneRecord(t *testing.T) {
	w := newWorld(41, 12)
	evs := w.take(600)
	slices.SortStableFunc(evs, func(a, b *riskdv1.Event) int { return int(a.TimeMs - b.TimeMs) })
	all := messagesOf(t, evs)
	for i := 50; i < len(all); i += 97 {
		all[i].Data = []byte("no event")
	}
	if w.dups == 0 {
		t.Fatal("no duplicates: too little is tested")
	}
	whole, wholeLog := lonePartition(t)
	pieces, piecesLog := lonePartition(t)
	at := time.Now()
	for _, p := range []*partition{whole, pieces} {
		p.s.now = func() time.Time { return at }
		p.s.hold = time.Hour
	}
	pieces.s.cfg.Worker = whole.s.cfg.Worker
	rng, held := rand.New(rand.NewPCG(41, 2)), 0
	for rest := all; len(rest) > 0; {
		n := min(1+rng.IntN(40), len(rest))
		if err := whole.commit(t.Context(), rest[:n]); err != nil {
			t.Fatal(err)
		}
		for n > 0 {
			k := min(1+rng.IntN(7), n)
			left, is, err := pieces.hold(slices.Clone(rest[:k]))
			if err != nil || len(left) > 0 {
				t.Fatalf("%d messages left, %v", len(left), err)
			}
			if is {
				held++
			}
			rest, n = rest[k:], n-k
		}
		if err := pieces.commit(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		got, want := piecesLog.records[len(piecesLog.records)-1], wholeLog.records[len(wholeLog.records)-1]
		want.PrevHash = got.PrevHash // of other bytes
		if !proto.Equal(got, want) {
			t.Fatalf("a record of %d events in pieces differs from that at once: %s", len(want.Entries), firstDifference(got, want))
		}
		if whole.at.totals != pieces.at.totals || whole.clock != pieces.clock || whole.versions != pieces.versions || whole.ck.events != pieces.ck.events {
			t.Fatalf("in pieces %+v, at once %+v", pieces.at, whole.at)
		}
		if stateOf(whole.st) != stateOf(pieces.st) || !bytes.Equal(whole.parts[0].AppendTo(nil), pieces.parts[0].AppendTo(nil)) {
			t.Fatal("the states differ")
		}
	}
	if held == 0 {
		t.Error("nothing was held")
	}
}

func firstDifference(got, want *riskdv1.JournalRecord) string {
	for i, e := range want.Entries {
		if i >= len(got.Entries) || !proto.Equal(e, got.Entries[i]) {
			return "entry " + strconv.Itoa(i)
		}
	}
	return "beside its entries"
}

func TestHowLongARecordWaits(t *testing.T) {
	for _, c := range []struct{ set, broker, want time.Duration }{
		{0, 0, recordWait}, {0, 50 * time.Millisecond, 50 * time.Millisecond}, {3 * time.Millisecond, 50 * time.Millisecond, 3 * time.Millisecond}, {-1, 50 * time.Millisecond, 0},
	} {
		if got := (Config{Hold: c.set}).hold(broker.Installation{RecordWait: c.broker}); got != c.want {
			t.Errorf("%s asked for, %s by the broker: got %s, want %s", c.set, c.broker, got, c.want)
		}
	}
	p, log := lonePartition(t)
	p.s.hold = 0
	if rest, held, err := p.hold(messagesOf(t, quiet(1))); err != nil || held || len(rest) != 1 || len(log.records) > 0 {
		t.Errorf("not to be held: held %v, %d left, %v", held, len(rest), err)
	}
}

func TestAFullRecordIsNotHeld(t *testing.T) {
	p, log := lonePartition(t)
	p.s.hold = time.Hour
	msgs := messagesOf(t, quiet(heldEvents+20))
	if _, held, err := p.hold(msgs[:heldEvents-1]); err != nil || !held {
		t.Fatalf("%d events: held %v, %v", heldEvents-1, held, err)
	}
	if _, held, err := p.hold(msgs[heldEvents-1 : heldEvents]); err != nil || held {
		t.Fatalf("%d events: held %v, %v", heldEvents, held, err)
	}
	if err := p.commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if rest, held, err := p.hold(msgs[:heldEvents]); err != nil || held || len(rest) != heldEvents {
		t.Errorf("a backlog: held %v, %d left, %v", held, len(rest), err)
	}
	evs := quiet(heldEvents)
	for _, ev := range evs {
		ev.Attributes = map[string]string{}
		for i := range 8 {
			ev.Attributes[strconv.Itoa(i)] = strings.Repeat("x", 250)
		}
	}
	long := messagesOf(t, evs)
	want := heldBytes/len(long[0].Data) + 1
	for n := range long {
		_, held, err := p.hold(long[n : n+1])
		if err != nil {
			t.Fatal(err)
		}
		if held != (n+1 < want) {
			t.Fatalf("%d events of %d bytes: held %v", n+1, len(long[n].Data), held)
		}
		if !held {
			break
		}
	}
	if n := len(log.records[0].Entries); n != heldEvents {
		t.Errorf("%d events in the record", n)
	}
}

// A section has prepared for what is held, which it can only take or undo: it is written before or after, not then.
func TestNoSectionIsWrittenWhileARecordIsHeld(t *testing.T) {
	p, _ := lonePartition(t)
	p.s.hold, p.s.cfg.CheckpointEvents = time.Hour, 1
	p.s.pageJobs = make(chan pageJob, pageCount+8)
	p.ck.results = make(chan pageResult, pageCount+1)
	msgs := messagesOf(t, quiet(40))
	if err := p.commit(t.Context(), msgs[:20]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.hold(msgs[20:]); err != nil || p.held == nil {
		t.Fatal("nothing is held", err)
	}
	if _, err := p.checkpointTurn(time.Now()); err != nil {
		t.Fatal(err)
	}
	if !p.ck.active || len(p.s.pageJobs) > 0 {
		t.Fatalf("a checkpoint is active: %v, %d pages written", p.ck.active, len(p.s.pageJobs))
	}
	if _, held, _ := p.hold(nil); held {
		t.Error("the checkpoint waits for as long as the record may be held")
	}
	p.drop()
	if _, err := p.checkpointTurn(time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(p.s.pageJobs) == 0 || (<-p.s.pageJobs).page != sectionPage {
		t.Error("the checkpoint does not begin with the section")
	}
}
