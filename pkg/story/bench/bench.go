// Package bench loads a database with millions of decisions and measures what analysts would wait for.
//
// The rows are made by ClickHouse itself, in the tables and through the views of riskd's schema: the sink's own
// writer decodes journal records first and is measured apart (BenchmarkPersist in services/sink). It is for an
// empty database that nobody else uses, and is not safe for concurrent use.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/story"
)

// Config of a run.
type Config struct {
	// Rows is how many decisions are loaded. Default 2 million; at least 100,000.
	Rows uint64
	// Days are the days they are spread over, up to End. Default 60, less than the schema keeps events.
	Days int
	// End is the moment of the last one. Default now, which has to be near for retention to leave the rows.
	End time.Time
	// Chunk is how many decisions one insert makes. Default 500,000.
	Chunk uint64
	// Rounds is how often each question is asked warm. Default 9, at least 3.
	Rounds int
	// OverviewMS and StoryMS are the targets of the slowest overview question and of a session's whole story,
	// warm, 95 %. Default 150 and 100.
	OverviewMS, StoryMS float64
}

// DefaultConfig is a quick run.
func DefaultConfig() Config {
	return Config{Rows: 2_000_000, Days: 60, End: time.Now().UTC().Truncate(time.Hour), Chunk: 500_000, Rounds: 9, OverviewMS: 150, StoryMS: 100}
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if c.Rows < 100_000 || c.Rows > 2_000_000_000 {
		errs = append(errs, fmt.Errorf("bench.rows: %d, must be 100,000 to 2,000,000,000", c.Rows))
	}
	if c.Days < 1 || c.Days > 80 {
		errs = append(errs, fmt.Errorf("bench.days: %d, must be 1 to 80", c.Days))
	}
	if c.Chunk < 10_000 {
		errs = append(errs, fmt.Errorf("bench.chunk: %d, must be at least 10,000", c.Chunk))
	}
	if c.Rounds < 3 {
		errs = append(errs, fmt.Errorf("bench.rounds: %d, must be at least 3", c.Rounds))
	}
	return errors.Join(errs...)
}

// Result is what was found.
type Result struct {
	Rows        uint64
	BytesPerRow float64
	// InsertRows is decisions a second, each with its event and what hangs on it, through all views.
	InsertRows float64
	// OverviewP95 is that of the slowest overview question, StoryP95 that of a session's whole story; milliseconds.
	OverviewP95, StoryP95 float64
	OK                    bool
}

// Line is the result for scripts.
func (r Result) Line() string {
	return fmt.Sprintf("clickhouse: rows=%d bytes_per_row=%.0f insert_rows_s=%.0f overview_p95_ms=%.0f story_p95_ms=%.0f ok=%t",
		r.Rows, r.BytesPerRow, r.InsertRows, r.OverviewP95, r.StoryP95, r.OK)
}

type bench struct {
	cfg    Config
	conn   driver.Conn
	out    io.Writer
	reader *story.Reader
	early  map[string]float64 // warm medians at a tenth of the rows

	features time.Duration // spent on inserting features alone
}

// Run loads and measures, and writes a report to out as it goes. The database must hold riskd's schema and nothing else.
func Run(ctx context.Context, cfg Config, conn driver.Conn, out io.Writer) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	if n, err := scalar(ctx, conn, "SELECT toFloat64(count()) FROM features"); err != nil {
		return Result{}, fmt.Errorf("looking at the database: %w", err)
	} else if n > 0 {
		return Result{}, fmt.Errorf("the database holds %.0f decisions; the bench needs an empty one", n)
	}
	reader, err := story.New(story.Config{Timeout: time.Minute}, conn)
	if err != nil {
		return Result{}, err
	}
	b := &bench{cfg: cfg, conn: conn, out: out, reader: reader, early: map[string]float64{}}
	// The newest tenth first: growth is then seen on the same days.
	tenth := cfg.Rows / 10
	spent, err := b.load(ctx, cfg.Rows-tenth, cfg.Rows)
	if err != nil {
		return Result{}, err
	}
	b.say("\nquestions at %d rows", tenth)
	if _, err := b.ask(ctx, true); err != nil {
		return Result{}, err
	}
	more, err := b.load(ctx, 0, cfg.Rows-tenth)
	if err != nil {
		return Result{}, err
	}
	res := Result{Rows: cfg.Rows, InsertRows: float64(cfg.Rows) / (spent + more).Seconds()}
	if err := b.views(ctx); err != nil {
		return res, err
	}
	if res.BytesPerRow, err = b.sizes(ctx); err != nil {
		return res, err
	}
	b.say("\nquestions at %d rows", cfg.Rows)
	answers, err := b.ask(ctx, false)
	if err != nil {
		return res, err
	}
	for _, a := range answers {
		switch a.group {
		case overview:
			res.OverviewP95 = max(res.OverviewP95, a.p95)
		case whole:
			res.StoryP95 = max(res.StoryP95, a.p95)
		}
	}
	res.OK = res.OverviewP95 <= cfg.OverviewMS && res.StoryP95 <= cfg.StoryMS
	return res, nil
}

func (b *bench) say(format string, a ...any) { fmt.Fprintf(b.out, format+"\n", a...) }

// load makes decisions with all that hangs on them, and says how far it is.
func (b *bench) load(ctx context.Context, from, to uint64) (time.Duration, error) {
	start, said := time.Now(), time.Now()
	for at := from; at < to; {
		n := min(b.cfg.Chunk, to-at)
		for _, s := range []string{intoFeatures, intoEvents, intoSignals, intoEnforcement, intoLedger} {
			began := time.Now()
			if err := b.fill(ctx, s, at, n, ""); err != nil {
				return 0, fmt.Errorf("loading: %w", err)
			}
			if s == intoFeatures {
				b.features += time.Since(began)
			}
		}
		at += n
		if time.Since(said) > 5*time.Second || at == to {
			said = time.Now()
			b.say("loading: %d of %d, %.0f decisions a second", at-from, to-from, float64(at-from)/time.Since(start).Seconds())
		}
	}
	return time.Since(start), nil
}

// views says what the views cost: the rows of the last chunk once more, into a table that has none.
func (b *bench) views(ctx context.Context) (err error) {
	n := min(b.cfg.Rows/10, b.cfg.Chunk)
	if err := b.conn.Exec(ctx, "CREATE TABLE features_alone AS features"); err != nil {
		return fmt.Errorf("loading without views: %w", err)
	}
	defer func() { err = errors.Join(err, b.conn.Exec(ctx, "DROP TABLE features_alone SYNC")) }()
	start := time.Now()
	if err := b.fill(ctx, intoFeatures, 0, n, "_alone"); err != nil {
		return err
	}
	b.say("\ninsert of features only, making the rows included: %.0f rows/s with all views, %.0f without", float64(b.cfg.Rows)/b.features.Seconds(), float64(n)/time.Since(start).Seconds())
	return nil
}

// sizes writes bytes per row by table and column, and returns the sum of all tables per decision.
func (b *bench) sizes(ctx context.Context) (float64, error) {
	rows, err := b.conn.Query(ctx, `SELECT table, toFloat64(sum(rows)), toFloat64(sum(bytes_on_disk)), toFloat64(count()) FROM system.parts
		WHERE active AND database = currentDatabase() GROUP BY table ORDER BY 3 DESC`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	total := 0.0
	b.say("\nbytes on disk\n  %-16s %12s %10s %8s %6s", "table", "rows", "MiB", "B/row", "parts")
	for rows.Next() {
		var table string
		var n, bytes, parts float64
		if err := rows.Scan(&table, &n, &bytes, &parts); err != nil {
			return 0, err
		}
		total += bytes
		b.say("  %-16s %12.0f %10.1f %8.1f %6.0f", table, n, bytes/(1<<20), bytes/max(n, 1), parts)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, table := range []string{"features", "events"} {
		if err := b.columns(ctx, table); err != nil {
			return 0, err
		}
	}
	return total / float64(b.cfg.Rows), nil
}

func (b *bench) columns(ctx context.Context, table string) error {
	rows, err := b.conn.Query(ctx, `SELECT column, toFloat64(sum(column_data_compressed_bytes)) / sum(rows) AS per FROM system.parts_columns
		WHERE active AND database = currentDatabase() AND table = {table:String} GROUP BY column ORDER BY per DESC LIMIT 12`, named("table", table))
	if err != nil {
		return err
	}
	defer rows.Close()
	b.say("  %s, bytes per row of the largest columns:", table)
	for rows.Next() {
		var column string
		var per float64
		if err := rows.Scan(&column, &per); err != nil {
			return err
		}
		b.say("    %-20s %6.2f", column, per)
	}
	return rows.Err()
}

// quantile of sorted or unsorted values, the nearest above.
func quantile(v []float64, q float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	return s[min(len(s)-1, int(math.Ceil(q*float64(len(s))))-1)]
}
