//go:build unix

// Package engine runs a ClickHouse engine beside riskd, in a child process that serves the
// ClickHouse HTTP interface on loopback. Nothing but the library of the engine has to be installed.
//
// It is for one machine: no native protocol, no replication, one user. A ClickHouse server
// takes its place by naming its DSN instead. An [Engine] lives in the parent; [RunChild] is
// the child. All methods of Engine may be called from any goroutine.
package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Deps are what an engine needs from outside.
type Deps struct {
	// Log gets starts, stops and crashes. Nil means slog.Default().
	Log *slog.Logger
	// Registerer gets the metrics. Nil means none.
	Registerer prometheus.Registerer
	// Output gets what the child writes to its standard output and error. Nil means this
	// process's standard error.
	Output io.Writer
}

// Engine keeps a child alive.
type Engine struct {
	cfg      Config
	log      *slog.Logger
	output   io.Writer
	password string
	analyst  string // the password of the one who may only read
	metrics  *metrics

	mu      sync.Mutex
	address string
	state   error     // why it is not ready, nil when it is
	life    time.Time // last sign of it
	child   int       // process id, 0 for none
}

// New checks the configuration, makes the password if there is none, and starts nothing.
func New(cfg Config, deps Deps) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("engine configuration: %w", err)
	}
	var err error
	for _, path := range []*string{&cfg.Path, &cfg.Library} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, fmt.Errorf("engine configuration: %w", err)
		}
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, &NoLibraryError{Path: cfg.Library}
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("finding this executable: %w", err)
		}
		cfg.Command = []string{self, "engine"}
	}
	secret, err := password(cfg.PasswordFile)
	if err != nil {
		return nil, err
	}
	if cfg.AnalystPasswordFile == "" {
		ending := filepath.Ext(cfg.PasswordFile)
		cfg.AnalystPasswordFile = strings.TrimSuffix(cfg.PasswordFile, ending) + ".analyst" + ending
	}
	analyst, err := password(cfg.AnalystPasswordFile)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		cfg: cfg, log: deps.Log, output: deps.Output, password: secret, analyst: analyst, metrics: &metrics{},
		address: cfg.Listen, state: errors.New("it has not been started"),
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	if e.output == nil {
		e.output = os.Stderr
	}
	if deps.Registerer != nil {
		if err := deps.Registerer.Register(e.metrics); err != nil {
			return nil, fmt.Errorf("registering the engine's metrics: %w", err)
		}
	}
	return e, nil
}

// DSN is how clients reach the engine: http://riskd:PASSWORD@127.0.0.1:8123/risk. With port
// 0 in the configuration it is right only once the engine is ready.
func (e *Engine) DSN() string { return e.dsn(User, e.password) }

// AnalystDSN is the same for the user who may only read.
func (e *Engine) AnalystDSN() string { return e.dsn(Analyst, e.analyst) }

func (e *Engine) dsn(user, password string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return (&url.URL{Scheme: "http", User: url.UserPassword(user, password), Host: e.address, Path: "/" + e.cfg.Database}).String()
}

// Ready is nil when the engine answers requests.
func (e *Engine) Ready() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.state != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, e.state)
	}
	if silent := time.Since(e.life); silent > lifeTimeout {
		return fmt.Errorf("%w: no sign of life for %s", ErrNotReady, silent.Round(time.Second))
	}
	return nil
}

// PID is the child's process id, 0 when there is none.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child
}

func (e *Engine) setState(why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state, e.life = why, time.Now()
}

// healthy is how long a child must live for the pause after its crash to be short again.
const healthy = time.Minute

// Run starts the child and keeps it alive until the context ends; then it stops it and
// returns nil. A first start that fails ends Run with an error, such as [*AddressInUseError],
// [*PathInUseError] or [*ExitError]; later crashes lead to another start.
//
// The parent owns the listening socket and the child inherits it, so that clients that come
// while the child starts again wait instead of being refused.
func (e *Engine) Run(ctx context.Context) error {
	defer e.metrics.set(false, nil)
	if err := os.MkdirAll(filepath.Join(e.cfg.Path, spoolName), 0o700); err != nil {
		return fmt.Errorf("creating the data directory: %w", err)
	}
	listener, err := net.Listen("tcp", e.cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &AddressInUseError{Address: e.cfg.Listen, Err: err}
	}
	if err != nil {
		return fmt.Errorf("listening for ClickHouse clients: %w", err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return fmt.Errorf("sharing the listener: %w", err)
	}
	defer socket.Close()
	e.mu.Lock()
	e.address = listener.Addr().String()
	e.mu.Unlock()

	pause := e.cfg.RestartMin
	for started := false; ; started = true {
		e.setState(errors.New("it is starting"))
		began := time.Now()
		ready, err := e.once(ctx, socket)
		e.metrics.ended(ctx.Err() == nil && (started || ready))
		if ctx.Err() != nil {
			e.setState(errors.New("it was stopped"))
			return nil
		}
		e.setState(err)
		if !started && !ready {
			return err
		}
		if time.Since(began) > healthy {
			pause = e.cfg.RestartMin
		}
		e.log.Error("the ClickHouse engine crashed and is started again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			e.setState(errors.New("it was stopped"))
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, e.cfg.RestartMax)
	}
}

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
		MemoryRatio: e.cfg.MemoryRatio, MaxQueries: e.cfg.MaxQueries,
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
