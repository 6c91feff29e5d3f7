//go:build chaos && unix

package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

func init() { children["node"] = runNode }

// runNode is a NATS server as a process: node <name> <clients> <cluster> <monitor> <dir> <routes,...> [<advertised cluster address>].
func runNode(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	n := natstest.Node{Name: args[1], Listen: args[2], Cluster: args[3], Monitor: args[4], Dir: args[5], Routes: strings.Split(args[6], ",")}
	if len(args) > 7 {
		n.Advertise = args[7]
	}
	return n.Run(ctx)
}

const (
	chaosPartitions = 4
	chaosNodes      = 3
	chaosScorers    = 3
)

// installation is riskd over several processes on this machine, with means to hurt each.
type installation struct {
	t          *testing.T
	url        string // of all nodes
	nodes      [chaosNodes]node
	scorers    [chaosScorers]victim
	sink       victim
	engine     *engine.Engine
	engines    sync.Mutex          // one fault of the engine at a time
	node       sync.Mutex          // one node at a time: two of three have to agree
	links      [chaosNodes]network // those at one end of which the node is
	clickhouse network             // the sink's way to it
	apps       struct {
		sync.Mutex
		over network
	}
}

type node struct {
	victim
	monitor, dir string
	clients      string // where it listens for them
	small        bool   // its disk is a small one that can be filled
	slow         string // its disk can be made slow by writing to this file
}

func build(t *testing.T) *installation { return buildOver(t, false) }

// buildOver puts links between the nodes if asked to, so that one can be cut off from the others.
func buildOver(t *testing.T, linked bool) *installation {
	in := &installation{t: t}
	var clients, routes []string
	for range in.nodes {
		clients, routes = append(clients, servicetest.FreeAddress(t)), append(routes, servicetest.FreeAddress(t))
	}
	for i := range in.nodes {
		n := &in.nodes[i]
		n.monitor, n.dir = servicetest.FreeAddress(t), t.TempDir()
		n.name = fmt.Sprint("node ", i)
		switch i {
		case chaosNodes - 1:
			n.small = smallDisk(t, n.dir)
		case chaosNodes - 2:
			n.slow = slowDisk(t, n.dir)
		}
		n.clients = clients[i]
		to := strings.Join(routes, ",")
		if linked {
			to = in.link(i, routes)
		}
		spec := fmt.Sprintf("node n%d %s %s %s %s %s", i, clients[i], routes[i], n.monitor, n.js(), to)
		n.start = func() *exec.Cmd {
			cmd := spawn(t, spec)
			if n.slow != "" {
				if err := os.WriteFile(filepath.Join(filepath.Dir(n.slow), "cgroup.procs"), []byte(fmt.Sprint(cmd.Process.Pid)), 0); err != nil {
					t.Errorf("putting a node under the control group of its disk: %v", err)
				}
			}
			return cmd
		}
		n.cmd = n.start()
	}
	for i := range in.nodes {
		in.healthy(&in.nodes[i], time.Minute)
	}
	in.url = "nats://" + strings.Join(clients, ",nats://")
	c := eventuallyConnect(t, in.url)
	topo := natsjs.DefaultTopology()
	topo.Partitions, topo.Replicas = chaosPartitions, chaosNodes
	retry(t, "making the streams", func() error { _, err := natsjs.Ensure(t.Context(), c.js, topo); return err })

	in.startEngine()
	bin := riskdBinary(t)
	for i := range in.scorers {
		in.scorers[i].run(in, bin, fmt.Sprint("scorer", i), "-target", "scorer", "-scorer-lease-ttl", "1200ms", "-scorer-checkpoint-every", "1s")
	}
	var dsn string
	dsn, in.clickhouse = in.toClickHouse()
	in.sink.run(in, bin, "sink", "-target", "sink", "-clickhouse-dsn", dsn, "-sink-max-wait", "200ms")
	return in
}

// startEngine runs ClickHouse in a child of this process, which starts it again when it dies.
func (in *installation) startEngine() {
	t := in.t
	cfg := engine.DefaultConfig(t.TempDir())
	cfg.Listen, cfg.RestartMin = "127.0.0.1:0", 50*time.Millisecond
	cfg.Library = os.Getenv("RISKD_LIBCHDB")
	if cfg.Library == "" {
		cfg.Library = filepath.Join(os.Getenv("RISKD_DATA"), "engine", "libchdb.so")
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		t.Fatalf("the chaos suite needs the ClickHouse engine (make setup): %v", err)
	}
	e, err := engine.New(cfg, engine.Deps{Log: slog.New(slog.DiscardHandler), Output: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	in.engine = e
	retry(t, "starting the engine", e.Ready)
}

// healthy waits until a node says that all its streams have caught up.
func (in *installation) healthy(n *node, patience time.Duration) {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if resp, err := client.Get("http://" + n.monitor + "/healthz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			in.t.Logf("a node has not caught up after %s", patience)
			return
		}
	}
}

func retry(t *testing.T, what string, do func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = do(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// js is a connection that the faults do not share.
func (in *installation) js() jetstream.JetStream { return eventuallyConnect(in.t, in.url).js }
