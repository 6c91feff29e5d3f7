package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Feedback is what a user or an analyst said of a session or of an event.
type Feedback struct {
	EventID string
	Time    time.Time
	// Verdict is legitimate, attack, end_challenge or revoke_session; Label what the console called it, "" when it came
	// from elsewhere.
	Verdict, Label string
	Author, Reason string
	// Judged is the event that is judged; empty for the session as a whole.
	Judged string
}

// SessionFeedback is what was said of a session, newest first.
func (r *Reader) SessionFeedback(ctx context.Context, tenant, session string) ([]Feedback, error) {
	var out []Feedback
	err := r.ask(ctx, "session_feedback", args{"tenant": tenant, "session": session, "limit": limit(0)}, func(rows driver.Rows) error {
		var f Feedback
		err := rows.Scan(&f.EventID, &f.Time, &f.Verdict, &f.Author, &f.Reason, &f.Judged, &f.Label)
		out = append(out, f)
		return err
	})
	return out, err
}
