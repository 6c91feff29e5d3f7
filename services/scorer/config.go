// Package scorer is the role that judges events: it owns partitions, folds their events into
// profiles with the pure engine of package risk, and commits each batch as one journal record.
//
// What it promises: through any crash, of a worker or the broker, the profiles, decisions and signals are those
// of one serial run over the input. Ownership is only a hint; what holds is that every append names the
// record it follows. It does not read or write ClickHouse, and it calls nobody outside.
package scorer

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

// Config of the role.
type Config struct {
	// Worker names this process among the workers; unique per start. "" makes one from host, process id and a random part.
	Worker string
	// BatchEvents is how many events one record holds at most. Default 2048: a user's profile is read and written once a record, and a
	// broker's transaction costs about the same whatever it holds.
	BatchEvents int
	// BatchBytes is how many bytes of input one record holds at most. Default 2 MiB. It is lowered to a
	// quarter of the broker's maximum payload when that is less: the rest is for what is decided.
	BatchBytes int
	// Turns is how many partitions commit at once, those with a backlog also judge it then; the others' input waits and makes larger records.
	// Default 8.
	Turns int
	// Hold is how long a record that raises nothing waits for more events, less than 0 not at all. Default 0: what suits the broker, 10 ms
	// on NATS and 50 ms on Kafka. Signals, notices and dead letters never wait.
	Hold time.Duration
	// LeaseTTL is after how long a silent worker's partitions are taken over. Default 3 s. Below 2 s a busy
	// machine makes workers take partitions from each other: harmless, but slow.
	LeaseTTL time.Duration
	// HandoverWait is how long to wait for a living owner to let a partition go before taking it. Default 5 s.
	HandoverWait time.Duration
	// Takeovers is how many partitions are loaded at once. Default 4.
	Takeovers int
	// CheckpointEvery is how long changed profiles wait at most before they are written to pages. Default 1 min.
	CheckpointEvery time.Duration
	// CheckpointEvents is after how many events of a partition its changed profiles are written, if it has fewer than
	// twice as many users; else after one event for every two users. Default 10,000.
	CheckpointEvents int
	// Retention is after how long without any event a user's profile is forgotten. Default 400 days.
	Retention time.Duration
	// JournalKeep is how long records stay in the journal after their profiles are in pages. 0 keeps
	// all of them. Default 30 days. The sink must not lag more.
	JournalKeep time.Duration
	// StopWait bounds a graceful stop: the batch in hand, its signals and a last checkpoint. Default 10 s.
	StopWait time.Duration
}

// DefaultConfig is fit for one small machine.
func DefaultConfig() Config {
	return Config{
		BatchEvents: 2048, BatchBytes: 2 << 20, Turns: 8, LeaseTTL: 3 * time.Second, HandoverWait: 5 * time.Second, Takeovers: 4,
		CheckpointEvery: time.Minute, CheckpointEvents: 10_000, Retention: 400 * 24 * time.Hour,
		JournalKeep: 30 * 24 * time.Hour, StopWait: 10 * time.Second,
	}
}

// hold is how long a record that raises nothing waits on a broker, 0 for not at all.
func (c Config) hold(on broker.Installation) time.Duration {
	return max(cmp.Or(c.Hold, on.RecordWait, recordWait), 0)
}

// Validate joins all faults.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if c.BatchEvents < 1 || c.BatchEvents > 10_000 {
		bad("scorer batch events: %d is outside 1 to 10000", c.BatchEvents)
	}
	if c.BatchBytes < 64<<10 || c.BatchBytes > 16<<20 {
		bad("scorer batch bytes: %d is outside 64 KiB to 16 MiB", c.BatchBytes)
	}
	if c.Turns < 1 || c.Turns > 1024 {
		bad("scorer turns: %d is outside 1 to 1024", c.Turns)
	}
	if c.Hold > time.Second {
		bad("scorer hold: %s is more than 1 s", c.Hold)
	}
	if c.LeaseTTL < time.Second {
		bad("scorer lease ttl: %s is below 1 s", c.LeaseTTL)
	}
	if c.HandoverWait < 0 || c.StopWait <= 0 || c.CheckpointEvery <= 0 || c.CheckpointEvents < 1 {
		bad("scorer: waits and checkpoint bounds must be positive")
	}
	if c.Takeovers < 1 || c.Takeovers > 64 {
		bad("scorer takeovers: %d is outside 1 to 64", c.Takeovers)
	}
	if c.Retention < 24*time.Hour {
		bad("scorer retention: %s is below a day", c.Retention)
	}
	if c.JournalKeep < 0 {
		bad("scorer journal keep: negative")
	}
	return errors.Join(errs...)
}
