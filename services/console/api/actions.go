package api

// Labels of a feedback, as people say it, and the verdict of the road that each becomes.
var Labels = map[string]string{
	"me":             "legitimate",
	"false_alarm":    "legitimate",
	"not_me":         "attack",
	"attack":         "attack",
	"end_challenge":  "end_challenge",
	"withdraw":       "withdraw",
	"revoke_session": "revoke_session",
}

// Feedback is what an analyst says of an event or a session.
type Feedback struct {
	Tenant  string `json:"tenant"`
	User    string `json:"user"`
	Session string `json:"session"`
	// Event judged; empty for the session as a whole. Challenge to end; empty for the session's own.
	Event     string `json:"event"`
	Challenge string `json:"challenge"`
	// Label is me, not_me, attack, false_alarm, withdraw, end_challenge or revoke_session.
	Label  string `json:"label"`
	Reason string `json:"reason"`
}

// Published is the event that an action became.
type Published struct {
	EventID string `json:"eventId"`
	At      Moment `json:"at"`
}

// Redrive names dead letters to send again.
type Redrive struct {
	Keys []string `json:"keys"`
	// Body is sent instead of the bytes as they came, for a single one that was put right by hand; "" for none.
	Body string `json:"body"`
}

// Redriven is what became of each, in the same order.
type Redriven struct {
	Results []RedriveResult `json:"results"`
}

// RedriveResult is what became of one dead letter: sent, or why not.
type RedriveResult struct {
	Key     string `json:"key"`
	Sent    bool   `json:"sent"`
	EventID string `json:"eventId"`
	Problem string `json:"problem"`
}

// Credentials sign a local user in.
type Credentials struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// AuditEntry is one look or action of an analyst.
type AuditEntry struct {
	At      Moment `json:"at"`
	Actor   string `json:"actor"`
	Role    string `json:"role"`
	Action  string `json:"action"`
	Tenant  string `json:"tenant"`
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
	Address string `json:"address"`
}

// Audit is the record of looks and actions, newest first.
type Audit struct {
	Entries []AuditEntry `json:"entries"`
	AsOf    Moment       `json:"asOf"`
}
