// Package kafkatest starts brokers for tests: kfake inside the process, which is fast and kind, and a real Apache Kafka, which is neither.
package kafkatest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
)

// Fake starts kfake until the test ends and returns its addresses.
func Fake(t testing.TB) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

var shared struct {
	sync.Mutex
	server *Server
	dir    string
}

// Real is the process's shared real broker; the first call starts it. Its package's TestMain calls StopReal.
func Real(t testing.TB) []string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		dir, err := os.MkdirTemp("", "riskd-kafka-")
		if err != nil {
			t.Fatal(err)
		}
		s := NewServer(t, dir)
		if err := s.start(Root(t)); err != nil {
			t.Fatal(err)
		}
		shared.server, shared.dir = s, dir
	}
	return []string{shared.server.Addr}
}

// StopReal ends the shared broker and removes its files.
func StopReal() {
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Kill()
		_ = os.RemoveAll(shared.dir)
		shared.server = nil
	}
}

var installations atomic.Int64

// Config is that of a new installation with short times and a prefix of its own.
func Config(addrs []string, partitions int) kafka.Config {
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Partitions = addrs, partitions
	cfg.Prefix = fmt.Sprintf("t%d-%d.", os.Getpid(), installations.Add(1))
	cfg.SessionTimeout, cfg.TransactionTimeout, cfg.OffsetsEvery = 2*time.Second, 2*time.Second, time.Second
	return cfg
}

// Install makes the topics and opens a broker, which is closed when the test ends.
func Install(t testing.TB, cfg kafka.Config) *kafka.Broker {
	t.Helper()
	b := Open(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := b.Ensure(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(ctx); err != nil {
		t.Fatal(err)
	}
	return b
}

// Open opens a broker, which is closed when the test ends.
func Open(t testing.TB, cfg kafka.Config) *kafka.Broker {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if os.Getenv("RISKD_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	b, err := kafka.New(cfg, t.Name(), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Root is the folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.work above this folder")
		}
		dir = up
	}
}
