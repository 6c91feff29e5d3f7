//go:build unix

package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// spoolName is the child's directory for temporary files, inside of what it may touch.
const spoolName = "spool"

// once is the life of one child. It tells whether the child ever was ready.
func (e *Engine) once(ctx context.Context, socket *os.File) (ready bool, err error) {
	if err := freePath(ctx, e.cfg.Path, e.cfg.StaleTimeout, e.log); err != nil {
		return false, err
	}
	reports, reportEnd, err := os.Pipe()
	if err != nil {
		return false, fmt.Errorf("opening the report pipe: %w", err)
	}
	defer reports.Close()
	cmd := exec.Command(e.cfg.Command[0], e.cfg.Command[1:]...)
	cmd.Env = childEnvironment(e.cfg.Path)
	cmd.Dir = e.cfg.Path
	cmd.Stdout, cmd.Stderr = e.output, e.output
	cmd.ExtraFiles = []*os.File{socket, reportEnd}
	cmd.WaitDelay = time.Second
	prepare(cmd)
	input, err := cmd.StdinPipe()
	if err != nil {
		return false, errors.Join(fmt.Errorf("opening the order pipe: %w", err), reportEnd.Close())
	}
	exited, err := e.start(cmd)
	closeErr := reportEnd.Close()
	if err != nil {
		return false, errors.Join(fmt.Errorf("starting the ClickHouse engine: %w", err), input.Close())
	}
	e.setChild(cmd.Process.Pid)
	defer e.setChild(0)
	told, err := json.Marshal(order{
		Path: e.cfg.Path, Library: e.cfg.Library, Password: e.password, Analyst: e.analyst, Database: e.cfg.Database,
		MemoryRatio: e.cfg.MemoryRatio, Memory: e.cfg.Memory, MaxQueries: e.cfg.MaxQueries,
	})
	if err == nil {
		_, err = input.Write(append(told, '\n'))
	}
	if err = errors.Join(err, closeErr); err != nil {
		e.log.Warn("the ClickHouse engine could not be told what to do", "error", err) // it exits, with a reason of its own
	}
	said := make(chan report)
	go e.listen(reports, said)
	return e.watch(ctx, cmd, input, exited, said)
}

// start runs the child from a thread of its own, which is sandboxed before, stays as long as
// the child lives, and ends with it.
func (e *Engine) start(cmd *exec.Cmd) (exited <-chan error, err error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	ownThread(func() {
		if !e.cfg.NoSandbox {
			if err := sandbox(e.cfg, cmd.Path); errors.Is(err, errNoSandbox) {
				e.log.Warn("the ClickHouse engine runs without a sandbox: those who know its password may read this user's files", "reason", err)
			} else if err != nil {
				started <- err
				return
			}
		}
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	})
	return ended, <-started
}

// ownThread runs a function on a thread of its own that ends with it. It is not the process's
// first thread: that one cannot end, and it stands for the whole process in the eyes of
// the kernel, which would count parent and child as of one sandbox.
func ownThread(run func()) {
	go func() {
		runtime.LockOSThread()
		if !firstThread() {
			run() // never unlocked: the thread ends with the goroutine
			return
		}
		taken := make(chan struct{})
		go func() {
			runtime.LockOSThread() // never unlocked
			close(taken)
			run()
		}()
		<-taken // by another thread, since this one is kept until then
		runtime.UnlockOSThread()
	}()
}

func (e *Engine) setChild(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child = pid
}

// listen reads the child's reports until its end of the pipe closes.
func (e *Engine) listen(from io.Reader, said chan<- report) {
	defer close(said)
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var one report
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			e.log.Warn("the ClickHouse engine reports what cannot be read", "error", err)
			continue
		}
		said <- one
	}
}

// watch follows a child to its end.
func (e *Engine) watch(ctx context.Context, cmd *exec.Cmd, input io.Closer, exited <-chan error, said <-chan report) (ready bool, err error) {
	slow := time.NewTimer(e.cfg.StartTimeout)
	defer slow.Stop()
	var last report
	stopping := ctx.Done()
	var giveUp <-chan time.Time
	for {
		select {
		case one, open := <-said:
			if !open {
				said = nil
				continue
			}
			switch {
			case one.Ready:
				ready = true
				slow.Stop()
				e.setState(nil)
				e.metrics.set(true, nil)
				e.log.Info("the ClickHouse engine is ready", "version", one.Version, "address", e.address, "pid", cmd.Process.Pid)
			case one.Stats != nil:
				if stopping != nil {
					e.setState(nil)
				}
				e.metrics.set(true, one.Stats)
			default:
				last = one
			}
		case <-stopping:
			stopping = nil
			e.setState(errors.New("it is stopping"))
			_ = input.Close() // either of the two makes the child stop
			_ = cmd.Process.Signal(syscall.SIGTERM)
			giveUp = time.After(e.cfg.StopTimeout)
		case <-slow.C:
			last.Failure = fmt.Sprintf("it was not ready within %s", e.cfg.StartTimeout)
			_ = cmd.Process.Kill() // it is reaped below
		case <-giveUp:
			giveUp = nil
			e.log.Warn("the ClickHouse engine does not stop and is killed", "after", e.cfg.StopTimeout)
			_ = cmd.Process.Kill()
		case err := <-exited:
			_ = input.Close()
			last = lastWords(said, last)
			if last.PathHolder != 0 {
				return ready, &PathInUseError{Path: e.cfg.Path, PID: last.PathHolder}
			}
			state := "exit status 0"
			if err != nil {
				state = err.Error()
			}
			return ready, &ExitError{State: state, Reason: last.Failure}
		}
	}
}

// lastWords reads what a child that has ended said before; its end of the pipe is closed.
func lastWords(said <-chan report, last report) report {
	if said == nil {
		return last
	}
	for one := range said {
		if one.Failure != "" {
			last = one
		}
	}
	return last
}

// keptVariables are what the child needs of the environment; the rest may hold secrets.
var keptVariables = []string{"PATH", "HOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "GOTRACEBACK", "GOCOVERDIR", "GODEBUG", "GOMAXPROCS"}

func childEnvironment(path string) []string {
	kept := []string{"TZ=UTC", "TMPDIR=" + filepath.Join(path, spoolName)}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, one := range keptVariables {
			if name == one {
				kept = append(kept, variable)
			}
		}
	}
	return kept
}
