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

	"github.com/riskd-io/riskd/pkg/story"
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

// task is a question as it is asked, round after round.
type task struct {
	name  string
	group group
	ask   func(ctx context.Context, s *sample) error
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

// tasks are every named question, those with a window at several, then whole answers as the console asks for them,
// and what aggregates answer beside the same from features.
func (b *bench) tasks() []task {
	var out []task
	for _, name := range story.Names() {
		if name == "history" { // an export of everything, which nobody waits for
			continue
		}
		spans := []time.Duration{0}
		g := plain
		if strings.HasPrefix(name, "overview_") {
			spans, g = []time.Duration{15 * time.Minute, 24 * time.Hour, 7 * 24 * time.Hour}, overview
		}
		for _, span := range spans {
			label := name
			if span > 0 {
				label += " " + spanName(span)
			}
			out = append(out, task{label, g, func(ctx context.Context, s *sample) error { return b.named(ctx, name, s, span) }})
		}
	}
	for _, span := range []time.Duration{15 * time.Minute, 24 * time.Hour, 7 * 24 * time.Hour} {
		out = append(out, task{"the whole overview, " + spanName(span), plain, func(ctx context.Context, s *sample) error {
			_, err := b.reader.Overview(ctx, "", span, b.cfg.End)
			return err
		}})
	}
	return append(out,
		task{"a session's whole story", whole, func(ctx context.Context, s *sample) error {
			_, err := b.reader.Session(ctx, s.tenant, s.session, 300)
			return err
		}},
		task{"the console's page of a session", plain, b.page},
		task{"a user's whole story, 90 days", plain, func(ctx context.Context, s *sample) error {
			_, err := b.reader.User(ctx, s.tenant, s.user, b.cfg.End.AddDate(0, 0, -90))
			return err
		}},
		b.compare("timeline of 7 days from activity_5m", `SELECT t, sum(n), sum(risk_sum) FROM activity_5m WHERE tenant = 'acme' AND t > {from:DateTime64(3, 'UTC')} GROUP BY t ORDER BY t`),
		b.compare("timeline of 7 days from features", `SELECT toStartOfFiveMinutes(ts) AS t, count(), sum(risk) FROM features WHERE tenant = 'acme' AND ts > {from:DateTime64(3, 'UTC')} GROUP BY t ORDER BY t`),
		b.compare("evidence of 7 days from part_hour", `SELECT code, sum(n) FROM part_hour WHERE tenant = 'acme' AND t > {from:DateTime64(3, 'UTC')} GROUP BY code`),
		b.compare("evidence of 7 days from features", `SELECT code, count() FROM features ARRAY JOIN parts.code AS code, parts.nats AS nats WHERE tenant = 'acme' AND ts > {from:DateTime64(3, 'UTC')} AND nats > 0 GROUP BY code`),
		b.compare("top users of 7 days from user_day", `SELECT user_id, max(risk_max) AS worst FROM user_day WHERE tenant = 'acme' AND day >= toDate({from:DateTime64(3, 'UTC')}) GROUP BY user_id ORDER BY worst DESC LIMIT 20`),
		b.compare("top users of 7 days from features", `SELECT user_id, max(risk) AS worst FROM features WHERE tenant = 'acme' AND ts > {from:DateTime64(3, 'UTC')} AND (level != 'low' OR action != 'allow') GROUP BY user_id ORDER BY worst DESC LIMIT 20`),
	)
}

// page is all that the console asks for a session: its story, its places, what was said of it, and where its user usually is.
func (b *bench) page(ctx context.Context, s *sample) error {
	st, err := b.reader.Session(ctx, s.tenant, s.session, 300)
	if err != nil {
		return err
	}
	if _, err = b.reader.SessionPlaces(ctx, s.tenant, s.session); err != nil {
		return err
	}
	if _, err = b.reader.SessionFeedback(ctx, s.tenant, s.session); err != nil {
		return err
	}
	_, err = b.reader.UserPlaces(ctx, s.tenant, s.user, st.Summary.Last.AddDate(0, 0, -90))
	return err
}

func (b *bench) compare(name, query string) task {
	return task{name, plain, func(ctx context.Context, _ *sample) error {
		return b.drain(ctx, query, nil, named("from", moment(b.cfg.End.AddDate(0, 0, -7))))
	}}
}

// named asks a named question about a sample. Spans of zero are 30 days.
func (b *bench) named(ctx context.Context, name string, s *sample, span time.Duration) error {
	return b.asking(ctx, "", name, s, span, nil)
}

// asking asks it with something before its text, and hands the first column to each, if that is not nil.
func (b *bench) asking(ctx context.Context, before, name string, s *sample, span time.Duration, each func(string)) error {
	text, err := story.Question(name)
	if err != nil {
		return err
	}
	params, err := story.Parameters(name)
	if err != nil {
		return err
	}
	if span == 0 {
		span = 30 * 24 * time.Hour
		if name == "decisions_live" {
			span = 10 * time.Minute
		}
	}
	step := max(1, int(span.Seconds()/60))
	if step >= 300 { // as the console asks
		step -= step % 300
	}
	about := map[string]any{
		"tenant": s.tenant, "user": s.user, "session": s.session, "event": s.event, "events": []string{s.event}, "keys": []string{"0.1.0"}, "q": s.session, "ip": s.ip, "device": s.device, "asn": s.asn,
		"since": moment(b.cfg.End.Add(-span)), "until": moment(b.cfg.End),
		"step": uint32(step), "limit": uint32(100), "min_risk": 0.0, "minutes": uint32(10),
	}
	var args []any
	for _, p := range params {
		v, ok := about[p.Name]
		switch {
		case strings.HasPrefix(name, "overview_") && p.Name == "tenant", name == "decisions_live" && (p.Name == "user" || p.Name == "tenant"),
			name == "challenges" && (p.Name == "user" || p.Name == "session"), !ok && p.Type == "String":
			v = ""
		case !ok:
			return fmt.Errorf("no value for its parameter %s of type %s", p.Name, p.Type)
		}
		args = append(args, named(p.Name, v))
	}
	return b.drain(ctx, before+text, each, args...)
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

func spanName(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// quantile of sorted or unsorted values, the nearest above.
func quantile(v []float64, q float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	return s[min(len(s)-1, int(math.Ceil(q*float64(len(s))))-1)]
}
