package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// group says which target a question counts for.
type group int

const (
	plain    group = iota
	overview       // counts for the overview target
	whole          // a session's whole story
)

// answer is how long a question took, milliseconds.
type answer struct {
	name           string
	group          group
	cold, p50, p95 float64
}

// sample is something to ask about.
type sample struct {
	tenant, user, session, event, challenge, device, ip string
	asn                                                 uint32
}

// patience is how long a question that counts for no target is asked again and again.
const patience = 4 * time.Second

// ask runs everything cold and warm. The medians at a tenth of the rows are kept to show growth.
func (b *bench) ask(ctx context.Context, loaded uint64) ([]answer, error) {
	samples, err := b.samples(ctx)
	if err != nil {
		return nil, err
	}
	tenth := loaded <= b.cfg.Rows/8
	if tenth {
		if err := b.forgetEarly(ctx); err != nil {
			return nil, err
		}
	}
	if err := b.heading(ctx, loaded); err != nil {
		return nil, err
	}
	var out []answer
	for _, t := range b.tasks() {
		if !strings.Contains(t.name, b.cfg.Only) {
			continue
		}
		b.dropCaches(ctx)
		a := answer{name: t.name, group: t.group}
		var warm []float64
		began := time.Now()
		for i := range b.cfg.Rounds + 1 {
			start := time.Now()
			if err := t.ask(ctx, &samples[i%len(samples)]); err != nil {
				return nil, fmt.Errorf("asking %s: %w", t.name, err)
			}
			ms := float64(time.Since(start).Microseconds()) / 1000
			if i == 0 {
				a.cold = ms
			} else {
				warm = append(warm, ms)
			}
			if len(warm) >= 3 && t.group == plain && time.Since(began) > patience {
				break
			}
		}
		a.p50, a.p95 = quantile(warm, 0.5), quantile(warm, 0.95)
		if tenth {
			if err := b.noteEarly(ctx, loaded, a); err != nil {
				return nil, err
			}
		}
		b.line(loaded, a)
		out = append(out, a)
	}
	return out, nil
}

// dropCaches makes the next question cold for the engine; the system's page cache stays.
func (b *bench) dropCaches(ctx context.Context) {
	for _, c := range []string{"MARK", "UNCOMPRESSED", "INDEX MARK", "INDEX UNCOMPRESSED", "QUERY CONDITION", "PRIMARY INDEX"} {
		// An engine that does not know a cache has none to drop.
		_ = b.conn.Exec(ctx, "SYSTEM DROP "+c+" CACHE")
	}
}

// samples are sessions of the last days as chance meets them: the busy ones more often. Every second one was challenged.
func (b *bench) samples(ctx context.Context) ([]sample, error) {
	var out []sample
	for _, having := range []string{"challenge_id = ''", "challenge_id != ''"} {
		rows, err := b.conn.Query(ctx, `SELECT tenant, user_id, session_id, event_id, challenge_id, device_id, toString(ip), asn FROM features
			WHERE ts > {from:DateTime64(3, 'UTC')} AND `+having+` ORDER BY cityHash64(event_id) LIMIT 5`, named("from", moment(b.cfg.End.Add(-2*24*time.Hour))))
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var s sample
			if err := rows.Scan(&s.tenant, &s.user, &s.session, &s.event, &s.challenge, &s.device, &s.ip, &s.asn); err != nil {
				rows.Close()
				return nil, err
			}
			s.ip = strings.TrimPrefix(s.ip, "::ffff:")
			out = append(out, s)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
	}
	if len(out) < 2 {
		return nil, fmt.Errorf("only %d sessions to ask about", len(out))
	}
	return out, nil
}

func (b *bench) drain(ctx context.Context, query string, each func(string), args ...any) error {
	rows, err := b.conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if each == nil {
			continue // the answer itself is not needed
		}
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		each(line)
	}
	return rows.Err()
}

func named(name string, v any) any { return clickhouse.Named(name, v) }

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// quantile of sorted or unsorted values, the nearest above.
func quantile(v []float64, q float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	return s[min(len(s)-1, int(math.Ceil(q*float64(len(s))))-1)]
}
