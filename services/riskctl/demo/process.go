package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const pidFile = "demo.pid"

// inUse tells whether the demo that made this folder still runs.
func inUse(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, pidFile))
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return false
	}
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

// keptRuns is how many earlier runs' records stay.
const keptRuns = 1

// runFolder makes a fresh folder, so that the counts are this run's alone, and removes old ones.
func runFolder(base string, out io.Writer) (string, error) {
	old, err := filepath.Glob(filepath.Join(base, "run-*"))
	if err != nil {
		return "", err
	}
	for len(old) > keptRuns { // Glob sorts, and the names are times
		if !inUse(old[0]) {
			if err := os.RemoveAll(old[0]); err != nil {
				return "", fmt.Errorf("removing the record of an earlier demo: %w", err)
			}
			fmt.Fprintf(out, "removed the record of an earlier demo, %s\n", filepath.Base(old[0]))
		}
		old = old[1:]
	}
	dir := filepath.Join(base, "run-"+time.Now().UTC().Format("20060102-150405.000"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the demo's folder: %w", err)
	}
	return dir, os.WriteFile(filepath.Join(dir, pidFile), fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600)
}

// process is a child with its log in a file.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
	err  error         // how, once gone is closed
}

func startProcess(program string, args []string, log string) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", filepath.Base(program), err)
	}
	defer f.Close()
	p := &process{name: filepath.Base(program), log: log, cmd: exec.Command(program, args...), gone: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = f, f
	// A group of its own: Ctrl-C is for the demo, which stops its processes in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.gone)
	}()
	return p, nil
}

// waitReady asks the address until it answers with 200.
func (p *process) waitReady(ctx context.Context, address string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := &http.Client{Timeout: 2 * time.Second}
	last := "no answer"
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			return err
		}
		if res, err := client.Do(req); err == nil {
			body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
			res.Body.Close()
			if res.StatusCode < 400 {
				return nil
			}
			last = res.Status + " " + strings.TrimSpace(string(body))
		}
		select {
		case <-p.gone:
			return p.died()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%s): %w; its log is %s\n%s", p.name, last, ctx.Err(), p.log, p.tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// died is the error of a process that ended by itself.
func (p *process) died() error {
	return fmt.Errorf("%s ended by itself (%v); the end of its log, %s:\n%s", p.name, p.err, p.log, p.tail())
}

// alive is nil while the process runs.
func (p *process) alive() error {
	select {
	case <-p.gone:
		return p.died()
	default:
		return nil
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-6):], "\n  ")
}

// stop asks the process to end and waits; one that does not is killed.
func (p *process) stop(limit time.Duration) error {
	select {
	case <-p.gone:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(limit):
	}
	_ = p.cmd.Process.Kill()
	<-p.gone
	return fmt.Errorf("%s did not stop within %s and was killed; its log is %s", p.name, limit, p.log)
}

// untilSecondSignal outlives ctx, which ends with the first signal, and ends with the next one.
func untilSecondSignal(ctx context.Context) (patient context.Context, release func()) {
	patient, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			cancel(errors.New("stopped before the record was checked"))
		case <-patient.Done():
		}
	}()
	return patient, func() {
		signal.Stop(signals)
		cancel(nil)
		<-done
	}
}
