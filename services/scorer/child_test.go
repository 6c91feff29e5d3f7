package scorer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
)

// child is this test binary as a process of its own, so that it can be killed for real. spec is "all <addr> <dir>" (a
// server with its streams, and a scorer), "scorer <url>" or "default <url>" (a scorer with the default
// configuration).
func child(spec string) {
	if err := runChild(strings.Fields(spec)); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
}

// children are further kinds of child by the first word of spec.
var children = map[string]func(args []string) error{}

func runChild(args []string) error {
	if run := children[args[0]]; run != nil {
		return run(args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	url := args[1]
	if args[0] == "all" {
		cfg := natsjs.DefaultEmbeddedConfig()
		cfg.Listen, cfg.Dir = args[1], args[2]
		emb, err := natsjs.StartEmbedded(cfg, log)
		if err != nil {
			return err
		}
		defer emb.Stop()
		topo := natsjs.DefaultTopology()
		topo.Partitions = 8
		if _, err := emb.Setup(ctx, topo); err != nil {
			return err
		}
		url = emb.URL()
	}
	nc, err := natsjs.Connect(url, "child")
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	engine, err := makeEngine()
	if err != nil {
		return err
	}
	en, err := enrich.New(enrich.Config{})
	if err != nil {
		return err
	}
	cfg := quickConfig()
	if args[0] == "default" {
		service.KeepHeapRoom(0) // as riskd does
		cfg = DefaultConfig()
		cfg.StopWait = time.Minute
	}
	s, err := New(cfg, Deps{Broker: natsjs.NewBroker(js), Engine: engine, Enricher: en, Sections: sectionsOf(en), Log: log, Registry: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// spawn starts a child; it is killed at the end of the test at the latest.
func spawn(t testing.TB, spec string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RISKD_TEST_CHILD="+spec)
	if os.Getenv("RISKD_TEST_LOG") != "" {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill9(cmd) })
	return cmd
}

func kill9(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// eventuallyConnect dials a child that is starting.
func eventuallyConnect(t testing.TB, url string) *connection {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		nc, err := natsjs.Connect(url, t.Name())
		if err == nil {
			t.Cleanup(nc.Close)
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			return &connection{nc, js}
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
