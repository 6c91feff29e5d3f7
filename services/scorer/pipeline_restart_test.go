package scorer

import (
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// million measures the restart after a graceful stop, and the takeover of a killed worker's partitions, at that many
// users: until an event in each partition, sent meanwhile, is judged.
func (r *pipeline) million(t *testing.T, users int) {
	t.Run("users=1M", func(t *testing.T) {
		b := startAway(t, pipelinePartitions)
		out := drained{Partitions: pipelinePartitions, Users: users, Events: users}
		evs := pipelineEventsOf(users, users)
		for i, ev := range evs { // everybody once
			ev.User = &riskdv1.User{Id: "u" + strconv.Itoa(i)}
			ev.Device = &riskdv1.Device{Id: "device-of-u" + strconv.Itoa(i)}
		}
		out.Raw.Bytes = fillBroker(t, b.Broker, evs)
		evs = nil
		lib := throughLibrary(t, b.Broker)
		out.Raw.Rate = b.measure(users, func() { eachPartition(pipelinePartitions, func(p int) { relay(t, lib, p, nil) }) }).Rate
		w := startWorker(t, b.URL(), DefaultConfig())
		c := b.measure(users, func() {
			for committed(w) < users {
				time.Sleep(2 * time.Millisecond)
			}
		})
		out.Scorer, out.Scorer.Bytes = c, journalBytes(t, b.JS, pipelinePartitions)/float64(users)
		w.cfg.StopWait = time.Minute // all of a million pages at once
		w.stop(t)
		r.Users = append(r.Users, out)

		began := time.Now()
		a := spawn(t, "default "+b.URL())
		r.probe(t, b.Broker)
		r.Restart = time.Since(began).Seconds()
		time.Sleep(2 * time.Second) // until the buffers of the load are given back
		r.RSSPerUser = float64(residentBytes(a.Process.Pid)) / float64(users)
		spawn(t, "default "+b.URL())
		natstest.Eventually(t, "the second worker has its half", func() bool { return len(owners(t, b.JS, pipelinePartitions)) == 2 })
		time.Sleep(time.Second)
		r.probe(t, b.Broker)
		began = time.Now()
		kill9(a)
		r.probe(t, b.Broker)
		r.Takeover = time.Since(began).Seconds()
	})
	t.Logf("restart %.2f s, takeover %.2f s, %.0f B of memory per user", r.Restart, r.Takeover, r.RSSPerUser)
}

// owners counts the partitions by who wrote last.
func owners(t testing.TB, js jetstream.JetStream, partitions int) map[string]int {
	out := map[string]int{}
	for p := range partitions {
		if s, ok, err := natsjs.LastRecord(t.Context(), js, p); err == nil && ok {
			out[s.Record.Owner]++
		}
	}
	return out
}

// probe sends one event into each partition and waits until all are judged.
func (r *pipeline) probe(t testing.TB, b *natstest.Broker) {
	t.Helper()
	pub := newPublisher(t, b.Conn, b.Topo.Partitions)
	taken := map[int]bool{}
	var evs []*riskdv1.Event
	for i := 0; len(taken) < b.Topo.Partitions; i++ {
		user := "probe" + strconv.Itoa(i)
		if p := subject.Partition("acme", user, b.Topo.Partitions); !taken[p] {
			taken[p] = true
			evs = append(evs, &riskdv1.Event{Id: "probe" + strconv.FormatInt(time.Now().UnixNano(), 36) + user, Source: "//probe", Type: "dev.riskd.activity.v1",
				TimeMs: time.Now().UnixMilli(), TenantId: "acme", User: &riskdv1.User{Id: user}, Action: "resource.read", Outcome: "success"})
		}
	}
	publishAll(t, pub, evs)
	waitDrained(t, b.JS, b.Topo.Partitions)
}
