package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

// task is a question as it is asked, round after round.
type task struct {
	name  string
	group group
	ask   func(ctx context.Context, s *sample) error
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

func spanName(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}
