// Package audit writes down who looked at what in the console: into the table console_audit, before the answer is given.
//
// [Book.Write] returns when the row is in ClickHouse. Rows that come together are written together, so that many
// analysts cost about what one does. [Book.Note] is for what must not wait for the database (signing in and out): it
// keeps the row until it is written, and says in the log and in a metric what it has to give up.
package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// Entry is one look or action.
type Entry struct {
	At                  time.Time
	Actor, Role, Action string
	// Tenant and User are whom it is about, Subject what.
	Tenant, User, Subject string
	Detail, Address       string
}

const (
	// most is how many rows may wait.
	most = 4096
	// together is how many rows go into one insert.
	together = 512
	// longest is how much of a text is kept, bytes.
	longest  = 1024
	patience = 10 * time.Second
	pause    = time.Second
)

// ErrFull is returned when too many rows wait for the database.
var ErrFull = errors.New("audit: too many entries wait for ClickHouse")

// Deps is what a book works with.
type Deps struct {
	ClickHouse driver.Conn
	// Table is what rows are inserted under. Default console_audit.
	Table   string
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Book is the audit's writer. It is safe for concurrent use.
type Book struct {
	deps    Deps
	queue   chan *line
	written *prometheus.CounterVec
	now     func() time.Time
}

type line struct {
	Entry
	id string
	// done gets the outcome; nil for notes, which are kept until they are written.
	done chan error
}

// New makes a book; it writes while Run does.
func New(deps Deps) (*Book, error) {
	if deps.ClickHouse == nil || deps.Log == nil || deps.Metrics == nil {
		return nil, errors.New("audit: ClickHouse, Log and Metrics are required")
	}
	if deps.Table == "" {
		deps.Table = "console_audit"
	}
	b := &Book{deps: deps, queue: make(chan *line, most), now: time.Now, written: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "riskd_console_audit_entries_total", Help: "Looks and actions in the console: written, refused (and so not shown), or lost (notes that had to be given up; the log has them).",
	}, []string{"result"})}
	return b, deps.Metrics.Register(b.written)
}

// Write returns when the entry is in ClickHouse; an error means that it may not be, and what it is about must not be
// shown.
func (b *Book) Write(ctx context.Context, e Entry) error {
	l := b.line(e)
	l.done = make(chan error, 1)
	select {
	case b.queue <- l:
	default:
		b.written.WithLabelValues("refused").Inc()
		return ErrFull
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case err := <-l.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("audit: %w", ctx.Err())
	}
}

// Note keeps an entry until it is written.
func (b *Book) Note(e Entry) {
	select {
	case b.queue <- b.line(e):
	default:
		b.lose(e)
	}
}

func (b *Book) line(e Entry) *line {
	if e.At.IsZero() {
		e.At = b.now()
	}
	for _, s := range []*string{&e.Actor, &e.Tenant, &e.User, &e.Subject, &e.Detail, &e.Address} {
		if len(*s) > longest {
			*s = (*s)[:longest]
		}
	}
	return &line{Entry: e, id: rand.Text()}
}

// lose says in the log what is not in the table. It names no person that was looked at.
func (b *Book) lose(e Entry) {
	b.written.WithLabelValues("lost").Inc()
	b.deps.Log.Error("an audit entry could not be written", "at", e.At, "actor", e.Actor, "action", e.Action, "address", e.Address)
}

// Run writes until ctx ends, then what is left.
func (b *Book) Run(ctx context.Context) error {
	var notes []*line // notes that could not be written yet
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case l := <-b.queue:
			notes = b.batch(ctx, append(notes, b.more(l)...))
		case <-retry.C:
			if len(notes) > 0 {
				notes = b.batch(ctx, notes)
			}
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
			defer cancel()
			for {
				select {
				case l := <-b.queue:
					notes = append(notes, l)
					continue
				default:
				}
				break
			}
			for _, l := range b.batch(last, notes) {
				b.lose(l.Entry)
			}
			return nil
		}
		retry.Reset(pause)
	}
}

// more takes what else waits.
func (b *Book) more(first *line) []*line {
	lines := []*line{first}
	for len(lines) < together {
		select {
		case l := <-b.queue:
			lines = append(lines, l)
		default:
			return lines
		}
	}
	return lines
}

// batch writes lines, tells those who wait, and returns the notes that are not written.
func (b *Book) batch(ctx context.Context, lines []*line) (left []*line) {
	if len(lines) == 0 {
		return nil
	}
	err := b.insert(ctx, lines)
	if err != nil {
		b.deps.Log.Warn("audit entries could not be written", "entries", len(lines), "error", err)
	}
	for _, l := range lines {
		switch {
		case err == nil:
			b.written.WithLabelValues("written").Inc()
		case l.done != nil:
			b.written.WithLabelValues("refused").Inc()
		case len(left) < most:
			left = append(left, l)
		default:
			b.lose(l.Entry)
		}
		if l.done != nil {
			l.done <- err
		}
	}
	return left
}

func (b *Book) insert(ctx context.Context, lines []*line) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"log_comment": "riskd console audit"}))
	batch, err := b.deps.ClickHouse.PrepareBatch(ctx, "INSERT INTO "+b.deps.Table+" (at, id, actor, role, action, tenant, user_id, subject, detail, address)")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = batch.Close() }()
	for _, l := range lines {
		if err := batch.Append(l.At.UTC(), l.id, l.Actor, l.Role, l.Action, l.Tenant, l.User, l.Subject, l.Detail, l.Address); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
