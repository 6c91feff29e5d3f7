package engine

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// The users that the embedded engine knows: one who may do everything, and one who may only read, within limits.
const (
	User    = "riskd"
	Analyst = "analyst"
)

// Config says where the engine keeps its data, where it listens and how patient its keeper is.
type Config struct {
	// Path is the directory of the tables. It is created with mode 0700.
	Path string
	// PasswordFile keeps the generated password, with mode 0600.
	PasswordFile string
	// AnalystPasswordFile keeps that of the user who may only read. Empty: PasswordFile with .analyst before its ending.
	AnalystPasswordFile string
	// Library is libchdb.so.
	Library string
	// Listen is the loopback address and port of the HTTP interface, such as 127.0.0.1:8123.
	// Port 0 takes a free one.
	Listen string
	// Database is created when it is missing, and named in the DSN. Default risk.
	Database string
	// Command is the argument vector of the child process; it must end up in [RunChild].
	// Default: this executable with the argument engine.
	Command []string
	// MemoryRatio is the share of Memory that the engine may take, in (0, 1]. Default 0.4.
	MemoryRatio float64
	// Memory is what the process may use, bytes: the machine's, or its control group's limit. 0 leaves that to the engine, which may see the
	// machine's only: it looks for a limit where a container has it, and the sandbox may hide that.
	Memory uint64
	// MaxQueries is how many statements run at once. Default 32.
	MaxQueries int
	// NoSandbox leaves the child's access to files and network as it is. By default the child
	// may touch its own directory only, where the kernel can see to that (Linux with Landlock).
	NoSandbox bool
	// StartTimeout is how long a child may take until it is ready. Default 2m: a large data
	// directory must be read in first.
	StartTimeout time.Duration
	// StopTimeout is how long a child may take to stop before it is killed. Default 15s.
	StopTimeout time.Duration
	// StaleTimeout is how long the child of a dead riskd may hold the path before it is
	// killed. Default 10s.
	StaleTimeout time.Duration
	// RestartMin and RestartMax bound the pause before a crashed child is started again; it
	// doubles from one crash to the next. Default 250ms and 30s.
	RestartMin, RestartMax time.Duration
}

// DefaultConfig keeps everything under one data directory. RISKD_LIBCHDB names another
// library.
func DefaultConfig(data string) Config {
	library := os.Getenv("RISKD_LIBCHDB")
	if library == "" {
		library = filepath.Join(data, "engine", "libchdb.so")
	}
	return Config{
		Path:         filepath.Join(data, "clickhouse"),
		PasswordFile: filepath.Join(data, "clickhouse.password"),
		Library:      library,
		Listen:       "127.0.0.1:8123",
		Database:     "risk",
		MemoryRatio:  0.4,
		MaxQueries:   32,
		StartTimeout: 2 * time.Minute,
		StopTimeout:  15 * time.Second,
		StaleTimeout: 10 * time.Second,
		RestartMin:   250 * time.Millisecond,
		RestartMax:   30 * time.Second,
	}
}

// Validate names every fault.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, key, want string) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s must be %s", key, want))
		}
	}
	check(c.Path != "", "Path", "set")
	check(c.PasswordFile != "", "PasswordFile", "set")
	check(c.Library != "", "Library", "set")
	check(c.Database != "", "Database", "set")
	address, err := netip.ParseAddrPort(c.Listen)
	check(err == nil && address.Addr().IsLoopback(), "Listen", "a loopback address and port, such as 127.0.0.1:8123")
	check(c.MemoryRatio > 0 && c.MemoryRatio <= 1, "MemoryRatio", "in (0, 1]")
	check(c.MaxQueries > 0, "MaxQueries", "positive")
	check(c.StartTimeout > 0, "StartTimeout", "positive")
	check(c.StopTimeout > 0, "StopTimeout", "positive")
	check(c.StaleTimeout > 0, "StaleTimeout", "positive")
	check(c.RestartMin > 0 && c.RestartMax >= c.RestartMin, "RestartMin and RestartMax", "positive and in order")
	return errors.Join(faults...)
}
