// Package subject names everything riskd puts on a broker: subjects, streams, buckets and
// the partition of a user. Producers, workers and apps share it, so that none can drift.
//
// It holds no state and is safe for concurrent use.
package subject

import (
	"strconv"
	"strings"
)

const (
	// DefaultPartitions is how many partitions a new installation gets. It is fixed when the
	// streams are created and stored with them: changing it would move users.
	DefaultPartitions = 32

	// EventsPlain is where a publisher that does not compute partitions sends events:
	// riskd.events.<tenant>.<user>, both as [Token]. The server maps it to a partition.
	EventsPlain = "riskd.events"
	// EventsPartitioned is the mapped form: riskd.in.<partition>.<tenant>.<user>.
	EventsPartitioned = "riskd.in"
	// Journal is the ledger's subject: riskd.journal.<partition>.
	Journal = "riskd.journal"
	// Signals carry each revision of a challenge: riskd.signals.<tenant>.<session>.
	Signals = "riskd.signals"
	// Notices tell of rules that only notify: riskd.notices.<tenant>.<user>.
	Notices = "riskd.notices"
	// Dead is the dead-letter subject: riskd.dead.<partition>.
	Dead = "riskd.dead"
	// Pages hold checkpointed profiles: riskd.pages.<partition>.<page>.
	Pages = "riskd.pages"

	// StepUpBucket is the KV bucket of sessions that are not clear.
	StepUpBucket = "stepup"
	// WorkersBucket is the KV bucket of live workers and the partitions they hold.
	WorkersBucket = "riskd_workers"
	// PoliciesBucket is the KV bucket of policies: every version, and the log of what was done with them.
	PoliciesBucket = "riskd_policies"
	// SignalsStream keeps recent signals for subscribers.
	SignalsStream = "RISKD_SIGNALS"
	// NoticesStream keeps recent notices for subscribers.
	NoticesStream = "RISKD_NOTICES"
	// DeadStream keeps dead letters for inspection and re-drive.
	DeadStream = "RISKD_DEAD"

	// MaxToken is the longest subject token riskd makes; longer names are refused as invalid.
	MaxToken = 384
)

// EventsStream is the input stream of a partition.
func EventsStream(partition int) string { return "RISKD_EVENTS_" + strconv.Itoa(partition) }

// JournalStream is the ledger stream of a partition.
func JournalStream(partition int) string { return "RISKD_JOURNAL_" + strconv.Itoa(partition) }

// PagesStream holds the checkpointed profiles of a partition.
func PagesStream(partition int) string { return "RISKD_PAGES_" + strconv.Itoa(partition) }

// Event is the subject an event of this user is stored under.
func Event(partition int, tenant, user string) string {
	return EventsPartitioned + "." + strconv.Itoa(partition) + "." + Token(tenant) + "." + Token(user)
}

// PlainEvent is the subject for publishers that leave partitioning to the server.
func PlainEvent(tenant, user string) string {
	return EventsPlain + "." + Token(tenant) + "." + Token(user)
}

// JournalOf is the ledger subject of a partition.
func JournalOf(partition int) string { return Journal + "." + strconv.Itoa(partition) }

// DeadOf is the dead-letter subject of a partition.
func DeadOf(partition int) string { return Dead + "." + strconv.Itoa(partition) }

// Page is the subject of one page of a partition's profiles.
func Page(partition, page int) string {
	return Pages + "." + strconv.Itoa(partition) + "." + strconv.Itoa(page)
}

// Section is the subject of a named part of a partition's state beside its profile pages. The name is one token.
func Section(partition int, name string) string {
	return Pages + "." + strconv.Itoa(partition) + "." + SectionPage(name)
}

// SectionPage is the name of a section among the pages of its partition.
func SectionPage(name string) string { return "state-" + name }

// Signal is the subject of a session's signals.
func Signal(tenant, session string) string {
	return Signals + "." + Token(tenant) + "." + Token(session)
}

// Notice is the subject of a user's notices.
func Notice(tenant, user string) string { return Notices + "." + Token(tenant) + "." + Token(user) }

// Key is a session's key in [StepUpBucket].
func Key(tenant, session string) string { return Token(tenant) + "." + Token(session) }

// Partition is the partition of a user: FNV-1a over the two tokens, as the NATS server's own
// partition(P,1,2) mapping computes it, so that mapped and direct publishers agree.
func Partition(tenant, user string, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	return int(fold(fold(fnvOffset, tenant), user) % uint32(partitions))
}

const fnvOffset, fnvPrime = 2166136261, 16777619

// fold goes on with the FNV-1a hash h over the token of s, in one pass where that is s itself.
func fold(h uint32, s string) uint32 {
	sum := h
	for i := 0; i < len(s); i++ {
		if !plain[s[i]] {
			return foldToken(h, Token(s))
		}
		sum = (sum ^ uint32(s[i])) * fnvPrime
	}
	if s == "" {
		return foldToken(h, Token(s))
	}
	return sum
}

func foldToken(h uint32, s string) uint32 {
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * fnvPrime
	}
	return h
}

const hexDigits = "0123456789ABCDEF"

// Token writes any string as one subject token: letters, digits, '-' and '_' stay, every other
// byte becomes =XX. The empty string becomes "=". Reversible by [Untoken].
func Token(s string) string {
	whole := s != ""
	for i := 0; i < len(s) && whole; i++ {
		whole = plain[s[i]]
	}
	if whole {
		return s
	}
	if s == "" {
		return "="
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := 0; i < len(s); i++ {
		if c := s[i]; plain[c] {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// Untoken reverses [Token]; ok is false when t is not a token it could have made.
func Untoken(t string) (s string, ok bool) {
	if t == "=" {
		return "", true
	}
	if !strings.Contains(t, "=") {
		return t, t != ""
	}
	out := make([]byte, 0, len(t))
	for i := 0; i < len(t); i++ {
		if t[i] != '=' {
			out = append(out, t[i])
			continue
		}
		if i+2 >= len(t) {
			return "", false
		}
		v, err := strconv.ParseUint(t[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out = append(out, byte(v))
		i += 2
	}
	return string(out), Token(string(out)) == t
}

// plain are the bytes that stay in a token.
var plain = func() (ok [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") {
		ok[c] = true
	}
	return ok
}()
