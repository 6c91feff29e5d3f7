package kafkatest

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Cluster is several real Apache Kafka brokers that keep copies of everything, each its own controller too. A majority of them has to be there.
type Cluster struct{ Servers []*Server }

// NewCluster prepares n brokers with their files in dir; more are settings of each. What is lost is noticed after three seconds, not
// nine, and brokers wait for each other's answers for five seconds, not thirty: so long a coordinator waits for a silent broker to take the mark of a
// transaction's end before it asks the one that leads by now.
// It skips the test where [NewServer] does.
func NewCluster(t testing.TB, dir string, n int, more ...string) *Cluster {
	t.Helper()
	c := new(Cluster)
	voters := make([]string, n)
	for i := range n {
		s := NewServer(t, filepath.Join(dir, "broker"+strconv.Itoa(i+1)), more...)
		c.Servers = append(c.Servers, s)
		voters[i] = fmt.Sprintf("%d@%s", i+1, s.Controller())
	}
	copies, insync := strconv.Itoa(n), strconv.Itoa(max(1, n-1))
	for i, s := range c.Servers {
		s.Set("node.id="+strconv.Itoa(i+1), "controller.quorum.voters="+strings.Join(voters, ","),
			"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500", "replica.lag.time.max.ms=5000", "request.timeout.ms=5000",
			"offsets.topic.replication.factor="+copies,
			"transaction.state.log.replication.factor="+copies, "transaction.state.log.min.isr="+insync)
	}
	return c
}

// Addrs are host:port of all brokers.
func (c *Cluster) Addrs() []string {
	out := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		out[i] = s.Addr
	}
	return out
}

// Start runs all brokers and waits until each answers.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	root := Root(t)
	for _, s := range c.Servers { // none answers before a majority is there
		if err := s.launch(root); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range c.Servers {
		if err := s.await(); err != nil {
			t.Fatal(err)
		}
	}
}

// Kill ends all brokers as a crash would.
func (c *Cluster) Kill() {
	for _, s := range c.Servers {
		s.Kill()
	}
}

// Settle waits until every partition has all its copies, at most a minute: who takes a broker away before that may take the last one.
func (c *Cluster) Settle(t testing.TB) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(200 * time.Millisecond) {
		missing, err := c.missing(t.Context(), kadm.NewClient(cl))
		if err == nil && missing == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d copies of partitions are missing: %v", missing, err)
		}
	}
}

// missing is how many copies are not up to date.
func (c *Cluster) missing(ctx context.Context, adm *kadm.Client) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	meta, err := adm.Metadata(ctx)
	if err != nil {
		return 0, err
	}
	meta.Topics.EachPartition(func(p kadm.PartitionDetail) { n += max(0, len(p.Replicas)-len(p.ISR)) })
	if len(meta.Brokers) < len(c.Servers) {
		n++
	}
	return n, nil
}
