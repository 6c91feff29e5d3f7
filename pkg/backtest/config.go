package backtest

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/schemas/subject"
)

// Config of a backtest.
type Config struct {
	// Live and New are the policies to compare. Both are required.
	Live, New Engine
	// LiveAt, when set, is what was live at a revision above 0; Live is for revision 0. Otherwise Live is for all.
	LiveAt func(revision uint64) (Engine, error)
	// From and To bound what is counted, by event time; zero is open. Events before From build up state.
	From, To time.Time
	// Workers play users in parallel. Default: one per processor.
	Workers int
	// Partitions of the installation: adaptive thresholds are kept by partition. Default 32.
	Partitions int
	// Retention is after how long without any event the scorer forgets a user. Default 400 days.
	Retention time.Duration
	// Answers to challenges that history does not answer. Default FromHistory.
	Answers Answers
	// Examples is how many changed sessions of each sort the report names. Default 10.
	Examples int
	// Done, when set, counts events while the backtest runs.
	Done *atomic.Int64
}

// maxWorkers bounds Workers.
const maxWorkers = 256

var errNothing = errors.New("backtest: two policies and a source are required")

// settle fills in what was left out.
func (cfg *Config) settle() error {
	if cfg.Live == nil || cfg.New == nil {
		return errNothing
	}
	if cfg.Workers <= 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	cfg.Workers = min(cfg.Workers, maxWorkers)
	if cfg.Partitions <= 0 {
		cfg.Partitions = subject.DefaultPartitions
	}
	if cfg.Retention <= 0 {
		cfg.Retention = 400 * 24 * time.Hour
	}
	if cfg.Examples <= 0 {
		cfg.Examples = 10
	}
	if cfg.Done == nil {
		cfg.Done = new(atomic.Int64)
	}
	return nil
}
