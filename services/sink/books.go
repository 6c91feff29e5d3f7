package sink

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/journal"
)

// position is how far a partition is persisted.
type position struct {
	seq     uint64
	hash    [32]byte // of that record; zero before the first
	written time.Time
}

func positionOf(r *journal.Stored) position {
	return position{seq: r.Seq, hash: r.Hash, written: time.UnixMilli(r.Record.GetWrittenMs())}
}

// cut is one partition's share of a batch: the records after < seq <= last.
type cut struct {
	partition   int
	after, last uint64
	hash        [32]byte // of the last
	written     time.Time
}

// plan is a batch as it is written down before it is inserted.
type plan struct {
	batch  uint64
	writer string
	cutAt  time.Time // milliseconds
	cuts   []cut     // by partition
}

// errCutLost says that another sink has cut this batch.
var errCutLost = errors.New("another sink cut this batch first")

// books keep batches and positions in ClickHouse, beside the rows they vouch for: whatever happens to
// the database (a restore, a fresh start), the two stay of one mind.
type books struct {
	conn      driver.Conn
	sink      string
	batches   string // table names
	positions string
	losses    string
	timeout   time.Duration
}

// state is what the books say.
type state struct {
	at   map[int]position
	done uint64 // last finished batch
	open *plan  // cut but not finished; nil when there is none
}

func (b *books) load(ctx context.Context) (state, error) {
	st := state{at: map[int]position{}}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	rows, err := b.conn.Query(ctx, `SELECT partition, argMax(seq, batch), argMax(hash, batch), argMax(decided_at, batch), max(batch)
		FROM `+b.positions+` WHERE sink = {sink:String} GROUP BY partition`, clickhouse.Named("sink", b.sink))
	if err != nil {
		return st, fmt.Errorf("reading sink positions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var part uint16
		var p position
		var hash string
		var batch uint64
		if err := rows.Scan(&part, &p.seq, &hash, &p.written, &batch); err != nil {
			return st, fmt.Errorf("reading sink positions: %w", err)
		}
		copy(p.hash[:], hash)
		st.at[int(part)] = p
		st.done = max(st.done, batch)
	}
	if err := rows.Err(); err != nil {
		return st, fmt.Errorf("reading sink positions: %w", err)
	}
	st.open, err = b.find(ctx, st.done+1)
	return st, err
}

// find returns the cut of a batch, nil when nobody has cut it.
func (b *books) find(ctx context.Context, batch uint64) (*plan, error) {
	rows, err := b.conn.Query(ctx, `SELECT batch, writer, cut_at, cuts.partition, cuts.after, cuts.last, cuts.hash
		FROM `+b.batches+` WHERE sink = {sink:String} AND batch = {batch:UInt64} ORDER BY cut_at, writer LIMIT 1`,
		clickhouse.Named("sink", b.sink), clickhouse.Named("batch", strconv.FormatUint(batch, 10)))
	if err != nil {
		return nil, fmt.Errorf("reading sink batch %d: %w", batch, err)
	}
	defer rows.Close()
	var found *plan
	for rows.Next() {
		p := &plan{}
		var parts []uint16
		var afters, lasts []uint64
		var hashes []string
		if err := rows.Scan(&p.batch, &p.writer, &p.cutAt, &parts, &afters, &lasts, &hashes); err != nil {
			return nil, fmt.Errorf("reading sink batch %d: %w", batch, err)
		}
		for i := range parts {
			c := cut{partition: int(parts[i]), after: afters[i], last: lasts[i]}
			copy(c.hash[:], hashes[i])
			p.cuts = append(p.cuts, c)
		}
		found = p
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading sink batch %d: %w", batch, err)
	}
	return found, nil
}

// errBooksChanged says that somebody emptied or restored the database while the sink worked.
var errBooksChanged = errors.New("the sink's books are not as it left them; reading them again")

// unchanged checks that done still is the last finished batch. A database emptied to be rebuilt from the journal is
// noticed here, before anything is written behind a gap.
func (b *books) unchanged(ctx context.Context, done uint64) error {
	last, err := b.finished(ctx)
	if err == nil && last < done {
		return errBooksChanged
	}
	return err // beyond it: another sink was first, and writing the cut down will tell
}

// due checks that batch is still the next one to be finished: errCutLost when another sink has finished it.
func (b *books) due(ctx context.Context, batch uint64) error {
	last, err := b.finished(ctx)
	switch {
	case err != nil:
		return err
	case last >= batch:
		return errCutLost
	case last < batch-1:
		return errBooksChanged
	}
	return nil
}

// finished is the number of the last finished batch, 0 when there is none.
func (b *books) finished(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	var last uint64
	err := b.conn.QueryRow(ctx, `SELECT max(batch) FROM `+b.positions+` WHERE sink = {sink:String}`, clickhouse.Named("sink", b.sink)).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("reading sink positions: %w", err)
	}
	return last, nil
}

// cut writes the plan down. The batch number is the deduplication token, so a number is taken once:
// errCutLost when another sink was first.
func (b *books) cut(ctx context.Context, p *plan, counts map[string]uint64) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	t := table{name: b.batches}
	parts, afters, lasts, hashes := make([]uint16, len(p.cuts)), make([]uint64, len(p.cuts)), make([]uint64, len(p.cuts)), make([]string, len(p.cuts))
	for i, c := range p.cuts {
		parts[i], afters[i], lasts[i], hashes[i] = uint16(c.partition), c.after, c.last, string(c.hash[:])
	}
	t.columns = []column{
		{"sink", []string{b.sink}}, {"batch", []uint64{p.batch}}, {"cut_at", []time.Time{p.cutAt}}, {"writer", []string{p.writer}},
		{"cuts.partition", [][]uint16{parts}}, {"cuts.after", [][]uint64{afters}}, {"cuts.last", [][]uint64{lasts}}, {"cuts.hash", [][]string{hashes}},
		{"rows", []map[string]uint64{counts}},
	}
	if err := insert(ctx, b.conn, t, fmt.Sprintf("cut/%s/%d", b.sink, p.batch)); err != nil {
		return fmt.Errorf("writing down batch %d: %w", p.batch, err)
	}
	got, err := b.find(ctx, p.batch)
	if err != nil {
		return err
	}
	if got == nil || got.writer != p.writer || !got.cutAt.Equal(p.cutAt) {
		return errCutLost
	}
	return nil
}

// save moves the positions to the end of a finished batch.
func (b *books) save(ctx context.Context, p *plan, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	n := len(p.cuts)
	sinks, parts, seqs, hashes := make([]string, n), make([]uint16, n), make([]uint64, n), make([]string, n)
	batches, decided, saved := make([]uint64, n), make([]time.Time, n), make([]time.Time, n)
	for i, c := range p.cuts {
		sinks[i], parts[i], seqs[i], hashes[i] = b.sink, uint16(c.partition), c.last, string(c.hash[:])
		batches[i], decided[i], saved[i] = p.batch, c.written, now
	}
	t := table{name: b.positions, columns: []column{
		{"sink", sinks}, {"partition", parts}, {"seq", seqs}, {"hash", hashes},
		{"batch", batches}, {"decided_at", decided}, {"saved_at", saved},
	}}
	if err := insert(ctx, b.conn, t, fmt.Sprintf("position/%s/%d", b.sink, p.batch)); err != nil {
		return fmt.Errorf("saving positions of batch %d: %w", p.batch, err)
	}
	return nil
}
