// Package bench loads a database with millions of decisions and measures what analysts would wait for.
//
// Rows go the sink's way: native blocks over HTTP, with deduplication tokens, into the tables of riskd's schema and through
// all of its views. What they hold is made up here; turning journal records into rows is measured apart (BenchmarkRows
// in services/sink). It is for a database that nobody else uses, and is not safe for concurrent use.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/clickhouse/native"
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
	// Chunk is how many decisions one insert makes. Default 100,000.
	Chunk uint64
	// Writers is how many inserts run at once. Default 2.
	Writers int
	// Rounds is how often each question is asked warm. Default 20, at least 3.
	Rounds int
	// OverviewMS and StoryMS are the targets of the slowest overview question and of a session's whole story,
	// warm, 95 %. Default 150 and 100.
	OverviewMS, StoryMS float64
	// Copied makes only the newest tenth row by row; the older nine are copies of it, made inside the engine: much faster,
	// and the same people come back. Needs Rows that are a multiple of 160,000 and Days that are one of 10, so that copies
	// begin where others end.
	Copied bool
	// Limit ends the loading when it has taken that long, with what is there by then. Default 0: all of Rows.
	Limit time.Duration
	// Only asks the questions whose name holds it. Default "": all.
	Only string
	// Phase is what to do of it: "" all, "load" without asking, "ask" about what is there.
	Phase string
}

// DefaultConfig is a quick run.
func DefaultConfig() Config {
	return Config{Rows: 2_000_000, Days: 60, End: time.Now().UTC().Truncate(time.Hour), Chunk: 100_000, Writers: 2, Rounds: 20, OverviewMS: 150, StoryMS: 100}
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
	if c.Chunk < 1000 || c.Chunk > 1_000_000 {
		errs = append(errs, fmt.Errorf("bench.chunk: %d, must be 1,000 to 1,000,000", c.Chunk))
	}
	if c.Writers < 1 || c.Writers > 16 {
		errs = append(errs, fmt.Errorf("bench.writers: %d, must be 1 to 16", c.Writers))
	}
	if c.Rounds < 3 {
		errs = append(errs, fmt.Errorf("bench.rounds: %d, must be at least 3", c.Rounds))
	}
	if c.Phase != "" && c.Phase != "load" && c.Phase != "ask" {
		errs = append(errs, fmt.Errorf("bench.phase: %q, must be load, ask or empty", c.Phase))
	}
	if c.Copied && (c.Rows%160_000 != 0 || c.Days%10 != 0) {
		errs = append(errs, fmt.Errorf("bench.copied: %d rows over %d days, must be multiples of 160,000 and of 10", c.Rows, c.Days))
	}
	return errors.Join(errs...)
}

// Result is what was found.
type Result struct {
	Rows        uint64
	BytesPerRow float64
	// InsertRows is decisions a second, each with its event and what hangs on it, through all views; copies are not counted.
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
	opt    *clickhouse.Options
	to     *native.Client
	out    io.Writer
	reader *story.Reader
	early  early
	until  time.Time // when loading ends; zero: when all is there
}

// late is whether loading has to end.
func (b *bench) late() bool { return !b.until.IsZero() && time.Now().After(b.until) }

// Run loads and measures, and writes a report to out as it goes. The database must hold riskd's schema, and nothing else
// but what an earlier Run with the same Rows and Days left there: that is gone on with.
func Run(ctx context.Context, cfg Config, opt *clickhouse.Options, out io.Writer) (res Result, err error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	conn, err := clickhouse.Open(opt)
	if err != nil {
		return Result{}, fmt.Errorf("opening ClickHouse: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	to, err := native.New(opt)
	if err != nil {
		return Result{}, fmt.Errorf("opening ClickHouse: %w", err)
	}
	defer to.Close()
	reader, err := story.New(story.Config{Timeout: time.Minute}, conn)
	if err != nil {
		return Result{}, err
	}
	b := &bench{cfg: cfg, conn: conn, opt: opt, to: to, out: out, reader: reader}
	if err := b.open(ctx); err != nil {
		return Result{}, err
	}
	if cfg.Limit > 0 {
		b.until = time.Now().Add(cfg.Limit)
	}
	if cfg.Phase != "ask" {
		// The newest tenth first: growth is then seen on the same days.
		tenth := cfg.Rows / 10
		if err := b.load(ctx, cfg.Rows-tenth, cfg.Rows); err != nil {
			return Result{}, err
		}
		if cfg.Phase == "" && len(b.early.answers) == 0 {
			if _, err := b.ask(ctx, tenth); err != nil {
				return Result{}, err
			}
		}
		if cfg.Copied {
			err = b.copies(ctx)
		} else {
			err = b.load(ctx, 0, cfg.Rows-tenth)
		}
		if err != nil {
			return Result{}, err
		}
	}
	return b.measure(ctx)
}

// measure is all but the loading.
func (b *bench) measure(ctx context.Context) (Result, error) {
	var res Result
	var took float64
	if err := b.conn.QueryRow(ctx, "SELECT toUInt64(sum(last - first)), sum(took_s) FROM bench_chunks").Scan(&res.Rows, &took); err != nil {
		return res, fmt.Errorf("reading what was loaded: %w", err)
	}
	if res.Rows == 0 {
		return res, errors.New("nothing is loaded")
	}
	res.InsertRows = float64(res.Rows) / took
	copied, err := b.copied(ctx)
	if err != nil {
		return res, err
	}
	if res.Rows += copied; copied > 0 {
		b.say("%d of the decisions are copies made inside the engine, moved in time, under ids of their own; the rate is that of the others", copied)
	}
	if res.BytesPerRow, err = b.sizes(ctx, res.Rows); err != nil || b.cfg.Phase == "load" {
		return res, err
	}
	if b.cfg.Only == "" {
		if err := b.pair(ctx); err != nil {
			return res, err
		}
	}
	answers, err := b.ask(ctx, res.Rows)
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
	res.OK = (res.Rows == b.cfg.Rows || b.cfg.Limit > 0) && res.OverviewP95 <= b.cfg.OverviewMS && res.StoryP95 <= b.cfg.StoryMS
	return res, nil
}

func (b *bench) say(format string, a ...any) { fmt.Fprintf(b.out, format+"\n", a...) }
