package kafkatest

import (
	"os/exec"
	"syscall"
)

// bind gives the broker a process group of its own, and lets it die with the thread that starts it: a test that runs out of time, or is
// killed, leaves no broker behind. A script that becomes the broker by exec hands this on.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
