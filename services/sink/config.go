package sink

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds the batches and the patience.
type Config struct {
	// Name tells sinks of one database apart: one per shard. Default "main". It is part of every
	// deduplication token, so it must never change for a database.
	Name string
	// Partitions of the journal. Required; the broker's topology knows it.
	Partitions int
	// Sharded inserts into the <table>_local tables of one shard. Default false.
	Sharded bool

	// MaxRows is how many journal entries make a batch full. Default 50 000. Batches end between journal
	// records, so one may be larger by a record or two.
	MaxRows int
	// MaxBytes is how many stored journal bytes make a batch full. Default 16 MiB.
	MaxBytes int
	// MaxWait is how long the first record of a batch waits for others, and how long the server is left alone between batches that are not
	// full. Default 1s.
	MaxWait time.Duration
	// ReadAhead is how many records one partition hands over at a time, within the 256 KiB that its reader decodes at once. Default 8.
	ReadAhead int

	// Timeout of one statement. Default 60s.
	Timeout time.Duration
	// StopGrace is how long a batch under way may take after the sink was told to stop. Default 5s. A
	// batch that is cut short is sent again at the next start.
	StopGrace time.Duration
	// BackoffMin and BackoffMax bound the wait after a failure; it doubles each time. Default 200ms, 15s.
	BackoffMin, BackoffMax time.Duration
	// LagEvery is how often the lag is measured. Default 5s.
	LagEvery time.Duration
}

// DefaultConfig is the sink of one database; only Partitions is missing.
func DefaultConfig() Config {
	return Config{
		Name: "main", MaxRows: 50_000, MaxBytes: 16 << 20, MaxWait: time.Second, ReadAhead: 8,
		Timeout: time.Minute, StopGrace: 5 * time.Second,
		BackoffMin: 200 * time.Millisecond, BackoffMax: 15 * time.Second, LagEvery: 5 * time.Second,
	}
}

const (
	maxPartitions = 1024
	// maxRows keeps a batch in one insert block of the server, which is what a token stands for.
	maxRows = 500_000
)

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Name != "" && len(c.Name) <= 64, "sink.name: %q, must have 1 to 64 bytes", c.Name)
	bad(c.Partitions >= 1 && c.Partitions <= maxPartitions, "sink.partitions: %d, must be 1 to %d", c.Partitions, maxPartitions)
	bad(c.MaxRows >= 1 && c.MaxRows <= maxRows, "sink.max_rows: %d, must be 1 to %d", c.MaxRows, maxRows)
	bad(c.MaxBytes >= 1<<10, "sink.max_bytes: %d, must be at least 1024", c.MaxBytes)
	bad(c.MaxWait > 0, "sink.max_wait: %v, must be positive", c.MaxWait)
	bad(c.ReadAhead >= 1 && c.ReadAhead <= 256, "sink.read_ahead: %d, must be 1 to 256", c.ReadAhead)
	bad(c.Timeout > 0, "sink.timeout: %v, must be positive", c.Timeout)
	bad(c.StopGrace >= 0, "sink.stop_grace: %v, must not be negative", c.StopGrace)
	bad(c.BackoffMin > 0 && c.BackoffMax >= c.BackoffMin, "sink.backoff: %v to %v, must be positive and ordered", c.BackoffMin, c.BackoffMax)
	bad(c.LagEvery > 0, "sink.lag_every: %v, must be positive", c.LagEvery)
	return errors.Join(errs...)
}

func (c Config) table(name string) string {
	if c.Sharded {
		return name + "_local"
	}
	return name
}
