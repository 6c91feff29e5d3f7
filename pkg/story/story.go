// Package story answers the named questions that analysts ask of ClickHouse: what is happening, what
// happened in this session, to this user, in this event, and why. The console and riskctl use it alike.
//
// The questions are the .sql files of this package; the answers are typed rows. [Explain] puts a
// decision's parts into words. It reads only, and it knows nothing of HTML or terminals: texts that came
// from outside (user agents, city names, raw messages) are returned as they are and must be escaped where
// they are shown.
//
// A Reader is safe for concurrent use.
package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"
)

// ErrNotFound is returned when there is nothing under the asked name.
var ErrNotFound = errors.New("nothing found")

// Limits of answers.
const (
	// MaxRows bounds every list.
	MaxRows = 1000
	// defaultLimit is used where a limit of 0 is given.
	defaultLimit = 100
)

// Config bounds what a question may cost.
type Config struct {
	// Timeout of one question. Default 10s.
	Timeout time.Duration
	// MaxMemory a question may use in the server, bytes. Default 2 GiB; 0 leaves it to the server.
	MaxMemory uint64
}

// DefaultConfig is for people who wait.
func DefaultConfig() Config { return Config{Timeout: 10 * time.Second, MaxMemory: 2 << 30} }

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	if c.Timeout <= 0 {
		return fmt.Errorf("story.timeout: %v, must be positive", c.Timeout)
	}
	return nil
}

// Reader asks the questions.
type Reader struct {
	conn driver.Conn
	cfg  Config
}

// New makes a reader on a connection to riskd's database.
func New(cfg Config, conn driver.Conn) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if conn == nil {
		return nil, errors.New("story: no connection")
	}
	return &Reader{conn: conn, cfg: cfg}, nil
}

// args are a question's parameters by name.
type args map[string]any

// ask runs a named question and hands each row to scan.
func (r *Reader) ask(ctx context.Context, name string, a args, scan func(driver.Rows) error) error {
	of, known := questions, false
	if _, known = a["users"]; known {
		of = knownSession
	}
	text, err := text(name, of)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	settings := clickhouse.Settings{"max_execution_time": int(r.cfg.Timeout.Seconds()) + 1, "log_comment": "riskd story " + name,
		// On shards, a subquery is asked once for all of them.
		"distributed_product_mode": "global"}
	if known {
		// They are simple, and read little: the older analyzer takes a quarter less for planning, which is most of their time.
		settings["allow_experimental_analyzer"] = 0
	}
	if r.cfg.MaxMemory > 0 {
		settings["max_memory_usage"] = r.cfg.MaxMemory
	}
	rows, err := r.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(settings)), text, a.named()...)
	if err != nil {
		return fmt.Errorf("asking %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("reading the answer to %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the answer to %s: %w", name, err)
	}
	return nil
}

// together runs questions that do not wait for each other at the same time, and returns the first error. The rest are
// cancelled then.
func together(ctx context.Context, questions ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4) // a server has others to answer
	for _, q := range questions {
		group.Go(func() error { return q(ctx) })
	}
	return group.Wait()
}

// timeText is how the server reads a moment without doubt about its zone.
const timeText = "2006-01-02 15:04:05.000"

func (a args) named() []any {
	out := make([]any, 0, len(a))
	for name, v := range a {
		if t, ok := v.(time.Time); ok {
			v = clamp(t).UTC().Format(timeText)
		}
		out = append(out, clickhouse.Named(name, v))
	}
	return out
}

// clamp keeps a moment within what the columns can hold.
func clamp(t time.Time) time.Time {
	if lo := time.Unix(0, 0); t.Before(lo) {
		return lo
	}
	if hi := time.Date(2255, 1, 1, 0, 0, 0, 0, time.UTC); t.After(hi) {
		return hi
	}
	return t
}

func limit(n int) uint32 {
	if n <= 0 {
		n = defaultLimit
	}
	return uint32(min(n, MaxRows))
}
