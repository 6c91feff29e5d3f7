package scorer

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// drained compares the three ways over the same stored events: (a) raw, (b) relay, (c) scorer.
type drained struct {
	Partitions int  `json:"partitions"`
	Users      int  `json:"users"`
	Events     int  `json:"events"`
	Raw        cost `json:"raw"`
	// Tapped is raw as riskd itself reads: past the client library.
	Tapped cost `json:"raw_tapped"`
	// Relay decodes and encodes as the scorer does, Stock with generated code; both read as any consumer does.
	Relay  cost `json:"relay"`
	Stock  cost `json:"relay_of_stock_parts"`
	Scorer cost `json:"scorer"`
	// First is how many seconds after it was started the scorer had stored its first record; they are part of its rate.
	First float64 `json:"first_record_seconds,omitempty"`
	// Signals of the scorer for 1000 events.
	Signals float64 `json:"signals_per_thousand"`
}

// fillBroker stores events in the input; it returns their payload bytes per event.
func fillBroker(t testing.TB, b *natstest.Broker, evs []*riskdv1.Event) float64 {
	t.Helper()
	pub, err := natsjs.NewPublisher(b.Conn, b.Topo.Partitions, natsjs.PublisherConfig{MaxPending: 8192})
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for start := 0; start < len(evs); start += 8192 {
		chunk := evs[start:min(start+8192, len(evs))]
		for i, r := range pub.PublishBatch(t.Context(), chunk) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			size += chunk[i].SizeVT()
		}
	}
	return float64(size) / float64(len(evs))
}

// throughLibrary connects as any consumer does: all messages come through nats.go, none past it.
func throughLibrary(t testing.TB, b *natstest.Broker) jetstream.JetStream {
	t.Helper()
	nc, err := b.Connect(t.Name(), nats.SetCustomDialer(&net.Dialer{Timeout: 5 * time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// backlog is events that a broker has stored; each way is measured with a copy of its files.
type backlog struct {
	name                      string
	partitions, users, events int
	dir                       string
	// payload is bytes per event.
	payload float64
}

// backlogChunk is how many events are made and stored at a time.
const backlogChunk = 50_000

// storeBacklog makes a backlog of n events of as many users.
func storeBacklog(t testing.TB, name string, partitions, users, n int, source *pipelineSource) *backlog {
	t.Helper()
	l := &backlog{name: name, partitions: partitions, users: users, events: n, dir: t.TempDir()}
	b := startAwayIn(t, l.dir, partitions)
	for at := 0; at < n; at += backlogChunk {
		chunk := min(backlogChunk, n-at)
		l.payload += fillBroker(t, b.Broker, source.take(chunk)) * float64(chunk) / float64(n)
	}
	b.Conn.Close()
	b.stop(t)
	return l
}

// drains measures so many rounds over the same events.
func drains(t *testing.T, partitions, users, n, rounds int) (all []drained) {
	name := fmt.Sprintf("drain partitions=%d users=%d", partitions, users)
	t.Run(name, func(t *testing.T) {
		l := storeBacklog(t, name, partitions, users, n, newPipelineSource(users))
		for range rounds {
			all = append(all, l.drain(t))
			t.Logf("drain: %+v", all[len(all)-1])
		}
	})
	return all
}

// drainBare is one round of drains with events of half the size: with the least that apps send.
func drainBare(t *testing.T, partitions, users, n int) (out drained) {
	source := newPipelineSource(users)
	source.bare = true
	t.Run("drain bare events", func(t *testing.T) { out = storeBacklog(t, "drain bare events", partitions, users, n, source).drain(t) })
	return out
}

// drain is one round: each way has a server of its own, all of them in the same state, and they come in any order, so that none pays for what was there
// before it.
func (l *backlog) drain(t *testing.T) drained {
	out := drained{Partitions: l.partitions, Users: l.users, Events: l.events}
	ways := []func(*testing.T, *away){
		func(t *testing.T, b *away) { out.Raw = l.read(t, b, noRecords); out.Raw.Bytes = l.payload },
		func(t *testing.T, b *away) { out.Relay = l.read(t, b, riskdsRecords) },
		func(t *testing.T, b *away) { out.Stock = l.read(t, b, stockRecords) },
		func(t *testing.T, b *away) { l.judge(t, b, &out) },
	}
	for _, i := range rand.Perm(len(ways)) {
		t.Run("way", func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
				t.Fatal(err)
			}
			b := startAwayIn(t, dir, l.partitions)
			// Whoever comes first has the server read its files.
			out.Tapped = b.measure(l.events, func() { eachPartition(l.partitions, func(p int) { relay(t, b.JS, p, nil) }) })
			ways[i](t, b)
		})
	}
	return out
}

// read drains as any consumer does, or as a relay that makes records.
func (l *backlog) read(t *testing.T, b *away, records func() recorder) cost {
	lib := throughLibrary(t, b.Broker)
	c := b.measure(l.events, func() {
		eachPartition(l.partitions, func(p int) { relay(t, lib, p, records()) })
	})
	c.Bytes = journalBytes(t, b.JS, l.partitions) / float64(l.events)
	return c
}

// judge drains with a scorer.
func (l *backlog) judge(t *testing.T, b *away, out *drained) {
	en := newEnricher(t) // reads 66 MB: that belongs to a start, which is timed by itself
	var w *worker
	stop := profileTo(t, strings.ReplaceAll("scorer "+l.name, " ", "-"))
	out.Scorer = b.measure(l.events, func() {
		began := time.Now()
		w = startWorkerWith(t, b.URL(), DefaultConfig(), en)
		for done := 0; done < l.events; done = committed(w) {
			if done > 0 && out.First == 0 {
				out.First = time.Since(began).Seconds()
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	stop()
	out.Scorer.Bytes = journalBytes(t, b.JS, l.partitions) / float64(l.events)
	w.stop(t)
	out.Signals = float64(streamMessages(t, b.JS, subject.SignalsStream)) / float64(l.events) * 1000
}

func streamMessages(t testing.TB, js jetstream.JetStream, stream string) uint64 {
	t.Helper()
	_, n, err := natsjs.LastSeq(t.Context(), js, stream)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func journalBytes(t testing.TB, js jetstream.JetStream, partitions int) (sum float64) {
	for p := range partitions {
		s, err := js.Stream(t.Context(), subject.JournalStream(p))
		if err != nil {
			t.Fatal(err)
		}
		sum += float64(s.CachedInfo().State.Bytes)
	}
	return sum
}
