//go:build chaos && unix

package scorer

import (
	"context"
	"errors"
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
)

func init() { children["node"] = runNode }

// runNode is a NATS server as a process: node <name> <clients> <cluster> <monitor> <dir> <routes,...>.
func runNode(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return natstest.Node{Name: args[1], Listen: args[2], Cluster: args[3], Monitor: args[4], Dir: args[5], Routes: strings.Split(args[6], ",")}.Run(ctx)
}

const (
	chaosPartitions = 4
	chaosNodes      = 3
	chaosScorers    = 3
)

// installation is riskd over several processes on this machine, with means to hurt each.
type installation struct {
	t       *testing.T
	url     string // of all nodes
	nodes   [chaosNodes]node
	scorers [chaosScorers]victim
	sink    victim
	engine  *engine.Engine
	engines sync.Mutex // one fault of the engine at a time
	node    sync.Mutex // one node at a time: two of three have to agree
}

// victim is a process and what it is started with; its lock belongs to the fault at work.
type victim struct {
	sync.Mutex
	cmd   *exec.Cmd
	start func() *exec.Cmd
}

type node struct {
	victim
	monitor, dir string
	small        bool // its disk is a small one that can be filled
}

func build(t *testing.T) *installation {
	in := &installation{t: t}
	var clients, routes []string
	for range in.nodes {
		clients, routes = append(clients, freeAddr(t)), append(routes, freeAddr(t))
	}
	for i := range in.nodes {
		n := &in.nodes[i]
		n.monitor, n.dir = freeAddr(t), t.TempDir()
		if i == chaosNodes-1 {
			n.small = smallDisk(t, n.dir)
		}
		spec := fmt.Sprintf("node n%d %s %s %s %s %s", i, clients[i], routes[i], n.monitor, filepath.Join(n.dir, "js"), strings.Join(routes, ","))
		n.start = func() *exec.Cmd { return spawn(t, spec) }
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

	for i := range in.scorers {
		s := &in.scorers[i]
		s.start = func() *exec.Cmd { return spawn(t, "scorer "+in.url) }
		s.cmd = s.start()
	}
	in.startEngine()
	bin, admin, data := riskdBinary(t), freeAddr(t), t.TempDir()
	said, err := os.Create(filepath.Join(data, "sink.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("the sink's last words:\n%s", text[max(0, len(text)-6000):])
		}
	})
	in.sink.start = func() *exec.Cmd {
		cmd := exec.Command(bin, "-target", "sink", "-data", data, "-admin-listen", admin, "-nats-url", in.url, "-replicas", fmt.Sprint(chaosNodes),
			"-clickhouse-dsn", in.engine.DSN(), "-sink-max-wait", "200ms", "-log-level", "info")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data, "TMPDIR=" + os.TempDir()}
		cmd.Stderr = said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kill9(cmd) })
		return cmd
	}
	in.sink.cmd = in.sink.start()
	return in
}

// riskdBinary is the program as it is shipped: RISKD_BIN, or built here.
func riskdBinary(t *testing.T) string {
	if bin := os.Getenv("RISKD_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "riskd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "../riskd").CombinedOutput(); err != nil {
		t.Fatalf("building riskd: %v\n%s", err, out)
	}
	return bin
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

// smallDisk mounts a small file system in dir; false where that is not allowed.
func smallDisk(t *testing.T, dir string) bool {
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=768m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no full disks in this run, mounting needs root: %v %s", err, out)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return true
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); ; {
		if _, err := f.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
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

// supervise starts again what ended by itself, as systemd or Kubernetes would, until halt is called. restarts is valid after that.
func (in *installation) supervise() (halt func() (restarts int)) {
	stop, done := make(chan struct{}), make(chan int)
	watched := []*victim{&in.sink}
	for i := range in.scorers {
		watched = append(watched, &in.scorers[i])
	}
	go func() {
		n := 0
		defer func() { done <- n }()
		for {
			select {
			case <-stop:
				return
			case <-time.After(500 * time.Millisecond):
			}
			for _, v := range watched {
				if v.TryLock() { // else a fault is at work on it
					if ended(v.cmd.Process.Pid) {
						kill9(v.cmd)
						v.cmd = v.start()
						n++
					}
					v.Unlock()
				}
			}
		}
	}()
	return func() int { close(stop); return <-done }
}

// ended tells whether a child has ended and waits to be reaped.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	return ok && strings.HasPrefix(rest, "Z")
}

// js is a connection that the faults do not share.
func (in *installation) js() jetstream.JetStream { return eventuallyConnect(in.t, in.url).js }
