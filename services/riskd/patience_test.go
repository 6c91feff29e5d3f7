//go:build integration

package main

import (
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

func TestRolesWaitForABrokerThatIsSilentAtTheStart(t *testing.T) {
	addr := servicetest.FreeAddress(t)
	silent, err := net.Listen("tcp", addr) // takes connections and says nothing, like a cluster that has stopped
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan *natsjs.Embedded, 1)
	go func() {
		time.Sleep(2 * time.Second)
		_ = silent.Close()
		time.Sleep(2 * time.Second) // and then there is nobody at all
		cfg := natsjs.DefaultEmbeddedConfig()
		cfg.Listen, cfg.Dir = addr, t.TempDir()
		emb, err := natsjs.StartEmbedded(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Error(err)
		}
		said <- emb
	}()
	h := start(t, t.TempDir(), "-target", "gateway,scorer,signaler,sink", "-nats-url", "nats://"+addr,
		"-clickhouse-dsn", "http://riskd:none@"+servicetest.FreeAddress(t)+"/risk")
	defer func() {
		if emb := <-said; emb != nil {
			emb.Stop()
		}
	}()
	h.until(20*time.Second, "the gateway answers", func() string { return h.state("s1") }, "clear")
	if !strings.Contains(h.said(), "the broker does not answer yet") {
		t.Error("nothing in the log says what was waited for")
	}
	if code := h.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM; want 0", code)
	}
}

func TestRolesThatWaitForABrokerStopWhenTold(t *testing.T) {
	cmd := command(t, t.TempDir(), "-target", "signaler", "-nats-url", "nats://"+servicetest.FreeAddress(t))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("told to stop while waiting: %v, want a clean end", err)
		}
	case <-time.After(10 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("it does not stop")
	}
}
