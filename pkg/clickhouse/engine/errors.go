package engine

import (
	"errors"
	"fmt"
)

// ErrNotReady is what Ready wraps while the engine starts, restarts or hangs.
var ErrNotReady = errors.New("the ClickHouse engine is not ready")

// NoLibraryError means that libchdb is not there.
type NoLibraryError struct{ Path string }

func (e *NoLibraryError) Error() string {
	return fmt.Sprintf("the ClickHouse engine %s is missing: run `make setup`, or set RISKD_CLICKHOUSE_DSN to a ClickHouse server", e.Path)
}

// AddressInUseError means that something else listens on the engine's address.
type AddressInUseError struct {
	Address string
	Err     error
}

func (e *AddressInUseError) Error() string {
	return fmt.Sprintf("the ClickHouse address %s is taken by another program: choose another one (-clickhouse-listen) or stop that program", e.Address)
}

func (e *AddressInUseError) Unwrap() error { return e.Err }

// PathInUseError means that a living riskd has the data directory open.
type PathInUseError struct {
	Path string
	// PID is the process that holds it.
	PID int
}

func (e *PathInUseError) Error() string {
	return fmt.Sprintf("the ClickHouse data in %s is in use by process %d of another riskd: stop that one, or use another data directory (-data)", e.Path, e.PID)
}

// ExitError means that a child ended without being asked to.
type ExitError struct {
	// State is how the process ended, such as "signal: killed".
	State string
	// Reason is what the child said before, "" when it said nothing.
	Reason string
}

func (e *ExitError) Error() string {
	if e.Reason != "" {
		return "the ClickHouse engine stopped: " + e.Reason
	}
	return "the ClickHouse engine stopped (" + e.State + ")"
}
