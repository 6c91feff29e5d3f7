//go:build unix && !linux

package engine

import (
	"errors"
	"os/exec"
	"syscall"
)

// prepare makes the child a process group of its own. It dies with the parent because its
// standard input closes.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// parentOf is not known here without more privileges.
func parentOf(int) (int, bool) { return 0, false }

func firstThread() bool { return false }

func dup2(from, to int) error { return syscall.Dup2(from, to) }

var errNoSandbox = errors.New("this system has no Landlock")

func sandbox(Config, string) error { return errNoSandbox }
