package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DeadLetter is a message that could not be used.
type DeadLetter struct {
	DecidedAt, ReceivedAt         time.Time
	Reason, Detail                string
	Tenant, EventID, Source, User string
	Time                          time.Time
	// Raw is the beginning of the message as it came, RawBytes how long it is.
	Raw      string
	RawBytes uint64
	Input    uint64
	Position Position
}

// DeadReason counts dead letters of one reason.
type DeadReason struct {
	Reason   string
	Messages uint64
	Last     time.Time
	Example  string
}

// DeadLetters lists what could not be used since a moment of riskd's clock, newest first; empty tenant and
// reason do not filter.
func (r *Reader) DeadLetters(ctx context.Context, tenant, reason string, since time.Time, max int) ([]DeadLetter, error) {
	var out []DeadLetter
	err := r.ask(ctx, "dead_letters", args{"since": since, "tenant": tenant, "reason": reason, "limit": limit(max)}, func(rows driver.Rows) error {
		var d DeadLetter
		err := rows.Scan(&d.DecidedAt, &d.ReceivedAt, &d.Reason, &d.Detail, &d.Tenant, &d.EventID, &d.Source, &d.User, &d.Time, &d.Raw, &d.RawBytes,
			&d.Input, &d.Position.Partition, &d.Position.Seq, &d.Position.Idx)
		out = append(out, d)
		return err
	})
	return out, err
}

// DeadReasons counts what could not be used since a moment of riskd's clock, the most frequent reason first.
func (r *Reader) DeadReasons(ctx context.Context, tenant string, since time.Time) ([]DeadReason, error) {
	var out []DeadReason
	err := r.ask(ctx, "dead_letter_reasons", args{"since": since, "tenant": tenant}, func(rows driver.Rows) error {
		var d DeadReason
		err := rows.Scan(&d.Reason, &d.Messages, &d.Last, &d.Example)
		out = append(out, d)
		return err
	})
	return out, err
}

// DeadBytes is a dead letter with the bytes as they came, cut at 64 KiB.
type DeadBytes struct {
	// Key is its place in the journal: partition.record.entry.
	Key, Reason string
	Raw         []byte
}

// DeadBytes are dead letters by key, as far as they are there, decided since a moment of riskd's clock.
func (r *Reader) DeadBytes(ctx context.Context, keys []string, since time.Time) ([]DeadBytes, error) {
	var out []DeadBytes
	err := r.ask(ctx, "dead_letters_whole", args{"keys": keys, "since": since, "limit": uint32(MaxRows)}, func(rows driver.Rows) error {
		var d DeadBytes
		var raw string
		err := rows.Scan(&d.Key, &d.Reason, &raw)
		d.Raw = []byte(raw)
		out = append(out, d)
		return err
	})
	return out, err
}
