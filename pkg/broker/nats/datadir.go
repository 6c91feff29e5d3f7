package natsjs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// PortTakenError tells that another program has the address. It unwraps to EADDRINUSE.
type PortTakenError struct {
	// Addr is host:port as configured.
	Addr string
	Err  error
}

func (e *PortTakenError) Error() string {
	return fmt.Sprintf("nats address %s is taken by another program; choose another with -nats-listen or use that server with -nats-url", e.Addr)
}

func (e *PortTakenError) Unwrap() error { return e.Err }

// ErrDirInUse is wrapped when another embedded server has the directory.
var ErrDirInUse = errors.New("directory is in use by another riskd")

// portFree fails with a [PortTakenError] before the server touches its directory.
func portFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &PortTakenError{Addr: addr, Err: err}
	}
	if err != nil {
		return fmt.Errorf("starting embedded nats: listening on %s (-nats-listen): %w", addr, err)
	}
	return l.Close()
}

// lockDir keeps two servers out of one directory; the kernel drops the lock when the process ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", dir, ErrDirInUse)
	}
	return f, nil
}

func unlockDir(f *os.File) { _ = f.Close() }
