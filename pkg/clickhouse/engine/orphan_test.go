package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

// parent is a riskd of its own, to be killed. It says when its engine is ready.
func parent(directory string) int {
	e, err := engine.New(config(directory), engine.Deps{Log: quiet()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	done := make(chan error, 1)
	go func() { done <- e.Run(context.Background()) }()
	if err := waitReady(e, done); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(e.PID(), e.DSN())
	fmt.Println(<-done)
	return 1
}

// hold is an engine that has lost its parent and hangs: it has the lock and heeds no signal.
func hold(path string) {
	signal.Ignore(syscall.SIGTERM)
	file, err := os.OpenFile(filepath.Join(path, "riskd.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteString("999999999\n")
	}
	if err == nil {
		err = syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}
	fmt.Println("held", err)
	time.Sleep(time.Minute)
	os.Exit(0)
}

// orphan starts a riskd, kills it with -9 and returns its engine's process.
func orphan(t *testing.T, directory string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(self, "parent", directory)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(line, "%d", &pid); err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // it was killed
	return pid
}

func TestTheChildDiesWithItsParent(t *testing.T) {
	pid := orphan(t, t.TempDir())
	for deadline := time.Now().Add(10 * time.Second); alive(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // do not leave it behind
			t.Fatal("the child outlives its parent")
		}
	}
}

// alive tells whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	return !strings.Contains(string(data), ") Z ")
}

func TestAnOrphanThatHangsIsKilledByTheNextStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t.TempDir())
	cfg.StaleTimeout = 400 * time.Millisecond
	if err := os.MkdirAll(cfg.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(self, "hold", cfg.Path)
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "held <nil>\n" {
		t.Fatal(line, err)
	}
	began := time.Now()
	start(t, cfg, engine.Deps{})
	if took := time.Since(began); took < cfg.StaleTimeout {
		t.Errorf("the next start came after %s, before the orphan's time was up", took)
	}
	if err := holder.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the orphan ended with %v, want it killed", err)
	}
}

func TestTheNextStartWaitsForAnOrphanThatEnds(t *testing.T) {
	directory := t.TempDir()
	orphan(t, directory)
	began := time.Now()
	start(t, config(directory), engine.Deps{})
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
}
