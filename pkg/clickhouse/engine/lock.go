//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockName is the file in the data directory that the child locks as long as it lives. It
// holds the child's parent, so that an orphan can be told from another riskd's child. The
// lock is of the kind that names its holder.
const lockName = "riskd.lock"

// lockPath takes the lock for this process. The file stays open until the process ends.
func lockPath(path string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock); err != nil {
		holder, _ := holderOf(file) // 0 when it cannot be told
		return nil, errors.Join(&PathInUseError{Path: path, PID: holder}, file.Close())
	}
	err = file.Truncate(0)
	if err == nil {
		_, err = file.WriteAt([]byte(strconv.Itoa(os.Getppid())+"\n"), 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing the lock of the data directory: %w", err), file.Close())
	}
	return file, nil
}

// holderOf is the process that has the lock, 0 for none.
func holderOf(file *os.File) (int, error) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("asking for the holder of the lock: %w", err)
	}
	if lock.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}

// stalePoll is how often a held lock is looked at again.
const stalePoll = 50 * time.Millisecond

// freePath waits until nobody holds the data directory. The child of a riskd that died ends
// by itself, since its standard input closes; if it hangs it is terminated, then killed. The
// child of a living riskd is an error at once.
func freePath(ctx context.Context, path string, patience time.Duration, log *slog.Logger) error {
	file, err := os.Open(filepath.Join(path, lockName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the lock of the data directory: %w", err)
	}
	defer file.Close()
	steps := []struct {
		after  time.Duration
		signal syscall.Signal
	}{{patience / 2, syscall.SIGTERM}, {patience, syscall.SIGKILL}}
	start, said := time.Now(), false
	for {
		holder, err := holderOf(file)
		if err != nil || holder == 0 {
			return err
		}
		if parentLives(file, holder) {
			return &PathInUseError{Path: path, PID: holder}
		}
		if !said {
			said = true
			log.Warn("waiting for the engine of a riskd that died", "pid", holder)
		}
		if len(steps) > 0 && time.Since(start) > steps[0].after {
			log.Warn("ending the engine of a riskd that died", "pid", holder, "signal", steps[0].signal.String())
			_ = syscall.Kill(holder, steps[0].signal) // it may be gone just now
			steps = steps[1:]
		}
		if time.Since(start) > 2*patience {
			return &PathInUseError{Path: path, PID: holder}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stalePoll):
		}
	}
}

// parentLives tells whether the process that started the holder still runs.
func parentLives(file *os.File, holder int) bool {
	data := make([]byte, 32)
	n, _ := file.ReadAt(data, 0) // a short file is an error and fine
	parent, err := strconv.Atoi(strings.TrimSpace(string(data[:n])))
	if err != nil || parent <= 1 {
		return false
	}
	if now, known := parentOf(holder); known {
		return now == parent
	}
	return syscall.Kill(parent, 0) == nil
}
