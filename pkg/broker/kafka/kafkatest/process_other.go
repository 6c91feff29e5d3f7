//go:build !linux

package kafkatest

import (
	"os/exec"
	"syscall"
)

// bind gives the broker a process group of its own.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
