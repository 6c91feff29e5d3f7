package scorer

import (
	"math/rand/v2"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

type connection struct {
	*nats.Conn
	js jetstream.JetStream
}

// stream publishes events in small batches, keeping each until it is stored.
func stream(t *testing.T, pub *natsjs.Publisher, evs []*riskdv1.Event) {
	for start := 0; start < len(evs); start += 200 {
		chunk := evs[start : start+200]
		for i, r := range pub.PublishBatch(t.Context(), chunk) {
			if r.Err != nil {
				t.Errorf("event %s: %v", chunk[i].Id, r.Err)
			}
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func TestAProcessKilledUnderLoadLosesAndDoublesNothing(t *testing.T) {
	const partitions = 8
	addr, dir := servicetest.FreeAddress(t), t.TempDir()
	spec := "all " + addr + " " + dir
	cmd := spawn(t, spec)
	c := eventuallyConnect(t, "nats://"+addr)
	natstest.Eventually(t, "streams are made", func() bool {
		n, err := natsjs.Partitions(t.Context(), c.js)
		return err == nil && n == partitions
	})
	// A batch in flight when the server dies is sent again, and a later event of the same user may then have been stored
	// first: order is the publisher's promise, not the ledger's. One event per user in a batch keeps it.
	evs := spread(newWorld(23, 4000), 20000, 200)
	pub, err := natsjs.NewPublisher(c.Conn, partitions, natsjs.PublisherConfig{AckWait: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); stream(t, pub, evs) }()
	rng := rand.New(rand.NewPCG(23, 23))
	kills := 0
	for finished := false; !finished; {
		select {
		case <-done:
			finished = true
		case <-time.After(time.Duration(150+rng.IntN(600)) * time.Millisecond):
			if kills < 6 {
				kill9(cmd)
				cmd = spawn(t, spec)
				kills++
			}
		}
	}
	if kills < 3 {
		t.Fatalf("only %d kills", kills)
	}
	waitDrained(t, c.js, partitions)
	l := checkAgainst(t, c.js, partitions, foldSerially(t, evs))
	t.Logf("%d kills, %d fences, %d stored, %d of the engine's duplicates", kills, l.fences, l.events, l.counts.duplicate)
	checkSignals(t, c.js, l)
}

// spread takes n events such that no user occurs twice in any run of chunk, duplicates excepted.
func spread(w *world, n, chunk int) []*riskdv1.Event {
	out := make([]*riskdv1.Event, 0, n)
	var pool []*riskdv1.Event
	for len(out) < n {
		seen := map[string]bool{}
		var rest []*riskdv1.Event
		for k := 0; k < chunk; {
			var ev *riskdv1.Event
			if len(pool) > 0 {
				ev, pool = pool[0], pool[1:]
			} else {
				ev = w.next()
			}
			if seen[ev.User.Id] {
				rest = append(rest, ev)
				continue
			}
			seen[ev.User.Id] = true
			out = append(out, ev)
			k++
		}
		pool = append(rest, pool...)
	}
	return out[:n]
}

// patience is how long a test waits for what must come by itself.
var patience = 40 * time.Second

// waitDrained waits until every partition's journal holds all of its input. How many messages that is only the broker
// knows: it drops what it has already.
func waitDrained(t testing.TB, js jetstream.JetStream, partitions int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for p := 0; p < partitions; {
		last, _, err := natsjs.LastSeq(t.Context(), js, subject.EventsStream(p))
		if err == nil {
			s, ok, err := natsjs.LastRecord(t.Context(), js, p)
			if err == nil && (last == 0 || ok && s.Record.InputLast == last) {
				p++
				continue
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("partition %d has not judged all of its input", p)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAWorkerStoppedAndWokenDoesNoHarm(t *testing.T) {
	const partitions = 4
	b := natstest.Start(t, partitions)
	evs := newWorld(29, 60).take(9000)
	pub := newPublisher(t, b.Conn, partitions)
	zombie, other := spawn(t, "scorer "+b.URL()), spawn(t, "scorer "+b.URL())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for start := 0; start < len(evs); start += 200 {
			stream(t, pub, evs[start:start+200])
			time.Sleep(70 * time.Millisecond)
		}
	}()
	natstest.Eventually(t, "work has begun", func() bool { return accepted(t, b.JS, partitions) > 500 })
	for i := range 2 { // stop one, let the other take over, wake it; then the other way round
		z := zombie
		if i == 1 {
			z = other
		}
		_ = z.Process.Signal(syscall.SIGSTOP)
		time.Sleep(1700 * time.Millisecond)
		_ = z.Process.Signal(syscall.SIGCONT)
		time.Sleep(300 * time.Millisecond)
	}
	<-done
	waitDrained(t, b.JS, partitions)
	l := checkAgainst(t, b.JS, partitions, foldSerially(t, evs))
	if l.fences < partitions+2 {
		t.Errorf("%d fences: nothing was taken over", l.fences)
	}
	checkSignals(t, b.JS, l)
	// A graceful end of processes leaves nothing to replay.
	for _, p := range []*exec.Cmd{zombie, other} {
		_ = p.Process.Signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("a stopped worker: %v", err)
		}
	}
}

func TestAServerThatRestartsIsWaitedFor(t *testing.T) {
	const partitions = 4
	cfg := natsjs.DefaultEmbeddedConfig()
	cfg.Listen, cfg.Dir = servicetest.FreeAddress(t), t.TempDir()
	start := func() *natsjs.Embedded {
		emb, err := natsjs.StartEmbedded(cfg, testLog())
		if err != nil {
			t.Fatal(err)
		}
		topo := natsjs.DefaultTopology()
		topo.Partitions = partitions
		if _, err := emb.Setup(t.Context(), topo); err != nil {
			t.Fatal(err)
		}
		return emb
	}
	emb := start()
	t.Cleanup(func() { emb.Stop() })
	w := startWorker(t, emb.URL(), quickConfig())
	w.ready(t)
	c := eventuallyConnect(t, emb.URL())
	pub, err := natsjs.NewPublisher(c.Conn, partitions, natsjs.PublisherConfig{AckWait: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	evs := spread(newWorld(31, 2000), 6000, 200)
	done := make(chan struct{})
	go func() { defer close(done); stream(t, pub, evs) }()
	for range 2 {
		time.Sleep(400 * time.Millisecond)
		emb.Stop() // leases and consumers in memory are gone with it
		time.Sleep(100 * time.Millisecond)
		emb = start()
	}
	<-done
	waitDrained(t, c.js, partitions)
	w.ready(t)
	l := checkAgainst(t, c.js, partitions, foldSerially(t, evs))
	checkSignals(t, c.js, l)
	w2 := startWorker(t, emb.URL(), quickConfig()) // the leases work again
	natstest.Eventually(t, "a second worker gets its share", func() bool { return w2.Ready() == nil && len(w2.Owned()) == 2 })
}
