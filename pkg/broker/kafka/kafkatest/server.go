package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// startTimeout is how long a real broker may take on a busy machine.
const startTimeout = 60 * time.Second

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
