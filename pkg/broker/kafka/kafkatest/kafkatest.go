// Package kafkatest starts brokers for tests: kfake inside the process, which is fast and kind, and a real Apache Kafka, which is neither.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// startTimeout is how long a real broker may take on a busy machine.
const startTimeout = 60 * time.Second

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

// Server is a real Apache Kafka broker of one's own.
type Server struct {
	// Addr is host:port.
	Addr string

	control    string
	data, dir  string
	more       []string
	cmd        *exec.Cmd
	out        *os.File
	waitResult chan error
}

// NewServer prepares a broker with its files in dir; more are settings of server.properties. It skips the test, with the
// reason, where there is no Java or Maven.
func NewServer(t testing.TB, dir string, more ...string) *Server {
	t.Helper()
	root := Root(t)
	data := os.Getenv("RISKD_DATA")
	if data == "" {
		data = filepath.Join(root, ".riskd")
	}
	out, err := exec.Command("sh", filepath.Join(root, "scripts", "kafka", "setup.sh"), data).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skip(strings.TrimSpace(string(out)))
	}
	if err != nil {
		t.Fatalf("fetching kafka: %v\n%s", err, out)
	}
	return &Server{Addr: servicetest.FreeAddress(t), control: servicetest.FreeAddress(t), data: data, dir: dir, more: more}
}

// Set adds settings of server.properties, before Start.
func (s *Server) Set(more ...string) { s.more = append(s.more, more...) }

// Controller is host:port of the broker's own controller.
func (s *Server) Controller() string { return s.control }

// Start runs the broker and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(Root(t)); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) start(root string) error {
	if err := s.launch(root); err != nil {
		return err
	}
	return s.await()
}

// port is that of host:port.
func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// launch runs the broker and waits for nothing.
func (s *Server) launch(root string) error {
	args := append([]string{filepath.Join(root, "scripts", "kafka", "kafka.sh"), s.data, s.dir, port(s.Addr), port(s.control)}, s.more...)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(s.dir, "broker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command("sh", args...)
	cmd.Stdout, cmd.Stderr = out, out
	bind(cmd)
	s.cmd, s.out, s.waitResult = cmd, out, make(chan error, 1)
	if err := run(cmd, s.waitResult); err != nil {
		return errors.Join(err, out.Close())
	}
	return nil
}

// await waits until the broker answers.
func (s *Server) await() error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.Addr))
	if err != nil {
		return err
	}
	defer cl.Close()
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err := cl.Ping(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case werr := <-s.waitResult:
			text, _ := os.ReadFile(s.out.Name())
			return fmt.Errorf("kafka ended: %w\n%s", werr, tailOf(text))
		default:
		}
		if time.Now().After(deadline) {
			s.Kill()
			text, _ := os.ReadFile(s.out.Name())
			return fmt.Errorf("kafka does not answer: %w\n%s", err, tailOf(text))
		}
	}
}

// run starts cmd from a thread that lives as long as it does: the broker ends with the thread that started it (see bind), whatever
// becomes of the test.
func run(cmd *exec.Cmd, ended chan<- error) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return <-started
}

func tailOf(text []byte) []byte { return text[max(0, len(text)-4000):] }

// Kill ends the broker as a crash would.
func (s *Server) Kill() { s.signal(syscall.SIGKILL) }

// Stop ends it in order.
func (s *Server) Stop() { s.signal(syscall.SIGTERM) }

// Pause and Resume stop and wake it.
func (s *Server) Pause()  { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGSTOP) }
func (s *Server) Resume() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	select {
	case <-s.waitResult:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.waitResult
	}
	_ = s.out.Close()
	s.cmd = nil
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
