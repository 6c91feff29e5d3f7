//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/enrich"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func init() { children["kafka"] = runOnKafka }

// runOnKafka is a scorer as a process: kafka <addr>[,<addr>...] <prefix>.
func runOnKafka(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // a test that ends without cleaning up must not leave it behind
		for parent := os.Getppid(); os.Getppid() == parent; time.Sleep(time.Second) {
		}
		os.Exit(1)
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg := kafkatest.Config(strings.Split(args[1], ","), 0)
	cfg.Prefix = args[2]
	b, err := kafka.New(cfg, fmt.Sprint("worker ", os.Getpid()), log)
	if err != nil {
		return err
	}
	defer b.Close()
	if _, err := b.Open(ctx); err != nil {
		return err
	}
	engine, err := makeEngine()
	if err != nil {
		return err
	}
	quick := quickConfig()
	quick.BatchEvents = 64
	en, err := enrich.New(enrichment)
	if err != nil {
		return err
	}
	s, err := New(quick, Deps{Broker: b, Engine: engine, Enricher: en, Sections: sectionsOf(en), Log: log, Registry: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// crew are the worker processes of an installation on Kafka. For one goroutine.
type crew struct {
	t          *testing.T
	addrs      []string
	prefix     string
	partitions int
	dir        string
	at         []*exec.Cmd // the oldest first
	started    int

	kills, stops, caught int
}

// open is an open transaction on a partition of the journal.
type open struct {
	partition int32
	producer  int64
	from      int64
}

func (c *crew) openTransactions() map[open]bool {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...))
	if err != nil {
		c.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	var set kadm.TopicsSet
	for p := range int32(c.partitions) {
		set.Add(c.prefix+"journal", p)
	}
	out := make(map[open]bool)
	described, err := kadm.NewClient(cl).DescribeProducers(ctx, set)
	if err != nil {
		return out // the broker is busy
	}
	described.EachPartition(func(p kadm.DescribedProducersPartition) {
		for id, a := range p.ActiveProducers {
			if a.CurrentTxnStartOffset >= 0 {
				out[open{p.Partition, id, a.CurrentTxnStartOffset}] = true
			}
		}
	})
	return out
}

// join starts a worker.
func (c *crew) join() {
	c.t.Helper()
	said, err := os.Create(filepath.Join(c.dir, fmt.Sprint("worker", c.started)))
	if err != nil {
		c.t.Fatal(err)
	}
	defer said.Close()
	c.started++
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RISKD_TEST_CHILD=kafka "+strings.Join(c.addrs, ",")+" "+c.prefix)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { kill9(cmd) })
	c.at = append(c.at, cmd)
}

// oldest takes the worker that has been there longest off the list.
func (c *crew) oldest() *exec.Cmd {
	cmd := c.at[0]
	c.at = c.at[1:]
	return cmd
}

// leave ends the oldest worker in order; it gives its partitions back. The end is waited for elsewhere.
func (c *crew) leave(gone *sync.WaitGroup) {
	cmd := c.oldest()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	gone.Go(func() { _ = cmd.Wait() })
}

// replace kills the oldest worker, another one comes.
func (c *crew) replace() {
	kill9(c.oldest())
	c.kills++
	c.join()
}

// freeze stops the oldest worker, which holds partitions, while do runs, and wakes it as a zombie. If it can it catches it in the midst of a
// transaction.
func (c *crew) freeze(do func()) {
	cmd := c.oldest()
	for range 60 {
		_ = cmd.Process.Signal(syscall.SIGSTOP)
		if before := c.openTransactions(); len(before) > 0 {
			time.Sleep(100 * time.Millisecond)
			after := c.openTransactions()
			maps.DeleteFunc(after, func(at open, _ bool) bool { return !before[at] })
			if len(after) > 0 { // nobody else's takes so long
				c.caught++
				break
			}
		}
		_ = cmd.Process.Signal(syscall.SIGCONT)
		time.Sleep(5 * time.Millisecond)
	}
	_ = cmd.Process.Signal(syscall.SIGSTOP)
	do()
	_ = cmd.Process.Signal(syscall.SIGCONT)
	c.stops++
	c.at = append(c.at, cmd)
}

// storm lets workers come and go faster than the group settles.
func (c *crew) storm(times int) {
	var gone sync.WaitGroup
	for range times {
		c.join()
		time.Sleep(700 * time.Millisecond)
		c.leave(&gone)
		time.Sleep(300 * time.Millisecond)
	}
	gone.Wait()
}

// said counts the lines of all workers that hold a text.
func (c *crew) said(text string) (n int) {
	files, _ := filepath.Glob(filepath.Join(c.dir, "worker*"))
	for _, f := range files {
		data, _ := os.ReadFile(f)
		n += strings.Count(string(data), text)
	}
	return n
}

// generation joins the group as one more member and tells how often it has rebalanced.
func (c *crew) generation() int {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.ConsumerGroup(c.prefix+"scorer"), kgo.ConsumeTopics(c.prefix+"events"),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.DisableAutoCommit())
	if err != nil {
		c.t.Fatal(err)
	}
	defer cl.Close()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if _, g := cl.GroupMetadata(); g > 0 {
			return int(g)
		}
	}
	c.t.Error("the group did not take one more member")
	return 0
}

// flow publishes evs in order, 100 at a time, until halt, which returns those that were stored.
func flow(t *testing.T, pub broker.Publisher, evs []*riskdv1.Event, every time.Duration) (halt func() []*riskdv1.Event) {
	stop, done := make(chan struct{}), make(chan struct{})
	n := 0
	go func() {
		defer close(done)
		for ; n+100 <= len(evs); n += 100 {
			for i, r := range pub.PublishBatch(t.Context(), evs[n:n+100]) {
				if r.Err != nil {
					t.Errorf("event %d: %v", n+i, r.Err)
				}
			}
			select {
			case <-stop:
				n += 100
				return
			case <-time.After(every):
			}
		}
	}()
	return func() []*riskdv1.Event { close(stop); <-done; return evs[:n] }
}
