package kafkatest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Cluster is several real Apache Kafka brokers that keep copies of everything, each its own controller too. A majority of them has to be there.
type Cluster struct{ Servers []*Server }

// NewCluster prepares n brokers with their files in dir; more are settings of each. What is lost is noticed after three seconds, not nine.
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
			"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500", "replica.lag.time.max.ms=5000",
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
