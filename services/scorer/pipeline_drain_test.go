package scorer

import (
	"fmt"
	"net"
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

func drainAll(t *testing.T, partitions, users, n int) drained {
	return drain(t, fmt.Sprintf("drain partitions=%d users=%d", partitions, users), partitions, users, pipelineEventsOf(n, users))
}

// drainBare is drainAll of events of half the size: with the least that apps send.
func drainBare(t *testing.T, partitions, users, n int) drained {
	source := newPipelineSource(users)
	source.bare = true
	return drain(t, "drain bare events", partitions, users, source.take(n))
}

func drain(t *testing.T, name string, partitions, users int, evs []*riskdv1.Event) (out drained) {
	t.Run(name, func(t *testing.T) {
		n := len(evs)
		b := startAway(t, partitions)
		payload := fillBroker(t, b.Broker, evs)
		evs = nil
		out = drained{Partitions: partitions, Users: users, Events: n}
		lib := throughLibrary(t, b.Broker)
		out.Raw = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, lib, p, nil) }) })
		out.Raw.Bytes = payload
		out.Tapped = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, b.JS, p, nil) }) })
		// In either order, by chance.
		for to, recorder := range map[*cost]func() recorder{&out.Relay: riskdsRecords, &out.Stock: stockRecords} {
			*to = b.measure(n, func() { eachPartition(partitions, func(p int) { relay(t, lib, p, recorder()) }) })
			to.Bytes = journalBytes(t, b.JS, partitions) / float64(n)
			recreateJournals(t, b.JS, partitions)
		}
		en := newEnricher(t) // reads 66 MB: that belongs to a start, which is timed by itself
		var w *worker
		stop := profileTo(t, strings.ReplaceAll("scorer "+name, " ", "-"))
		out.Scorer = b.measure(n, func() {
			w = startWorkerWith(t, b.URL(), DefaultConfig(), en)
			for committed(w) < n {
				time.Sleep(2 * time.Millisecond)
			}
		})
		stop()
		out.Scorer.Bytes = journalBytes(t, b.JS, partitions) / float64(n)
		w.stop(t)
		out.Signals = float64(streamMessages(t, b.JS, subject.SignalsStream)) / float64(n) * 1000
	})
	return out
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

// recreateJournals lets the scorer start from nothing after a relay wrote there.
func recreateJournals(t testing.TB, js jetstream.JetStream, partitions int) {
	t.Helper()
	for p := range partitions {
		s, err := js.Stream(t.Context(), subject.JournalStream(p))
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.CachedInfo().Config
		if err := js.DeleteStream(t.Context(), cfg.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}
