package api

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/riskd-io/riskd/pkg/story"
)

// Lag is how far one partition's parts are behind.
type Lag struct {
	Partition uint32 `json:"partition"`
	// Waiting events of the input that are not judged yet, and Unwritten journal records that are not in ClickHouse.
	Waiting   uint64 `json:"waiting"`
	Unwritten uint64 `json:"unwritten"`
	// Persisted is when the last record in ClickHouse was decided.
	Persisted Moment `json:"persisted"`
}

// DeadReason counts dead letters of one reason.
type DeadReason struct {
	Reason   string `json:"reason"`
	Messages uint64 `json:"messages"`
	Last     Moment `json:"last"`
	Example  string `json:"example"`
}

// DeadLetter is a message that could not be used.
type DeadLetter struct {
	Key       string `json:"key"`
	DecidedAt Moment `json:"decidedAt"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	Tenant    string `json:"tenant"`
	EventID   string `json:"eventId"`
	Source    string `json:"source"`
	User      string `json:"user"`
	Time      Moment `json:"time"`
	// Raw is the beginning of the message, with what cannot be printed as escapes; Bytes is how long it is.
	Raw   string `json:"raw"`
	Bytes uint64 `json:"bytes"`
}

// Health is how the road stands.
type Health struct {
	// Lags is empty when the broker cannot be asked; LagProblem says why.
	Lags       []Lag        `json:"lags"`
	LagProblem string       `json:"lagProblem"`
	Reasons    []DeadReason `json:"reasons"`
	Letters    []DeadLetter `json:"letters"`
	// LastDecided is the newest decision in ClickHouse.
	LastDecided Moment    `json:"lastDecided"`
	Latency     []float64 `json:"latencyMs"`
	Accepted    uint64    `json:"accepted"`
	Scored      uint64    `json:"scored"`
	Duplicate   uint64    `json:"duplicate"`
	Late        uint64    `json:"late"`
	Dead        uint64    `json:"dead"`
	AsOf        Moment    `json:"asOf"`
}

// NewDeadReasons are reasons by messages.
func NewDeadReasons(rs []story.DeadReason) []DeadReason {
	return each(rs, func(r *story.DeadReason) DeadReason {
		return DeadReason{Reason: r.Reason, Messages: r.Messages, Last: Moment(r.Last), Example: r.Example}
	})
}

// NewDeadLetters are messages, printable.
func NewDeadLetters(ls []story.DeadLetter) []DeadLetter {
	return each(ls, func(l *story.DeadLetter) DeadLetter {
		return DeadLetter{Key: key(l.Position), DecidedAt: Moment(l.DecidedAt), Reason: l.Reason, Detail: l.Detail, Tenant: l.Tenant, EventID: l.EventID, Source: l.Source,
			User: l.User, Time: Moment(l.Time), Raw: Printable(l.Raw), Bytes: l.RawBytes}
	})
}

// Printable shows bytes that may be anything: text as it is, the rest as escapes.
func Printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + hex(rune(s[i]), 2))
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(`\u{` + hex(r, 1) + `}`)
		}
		i += n
	}
	return b.String()
}
