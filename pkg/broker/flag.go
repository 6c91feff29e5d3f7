package broker

import (
	"context"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// BindingTTL is how long an entry stays that only a decision of the engine may take away: as long as the engine
	// remembers an idle session that owes something.
	BindingTTL = 14 * 24 * time.Hour
	// FlagGrace is added to the life of a flag that may be left unanswered, so that its expiry is published before the entry goes.
	FlagGrace = 10 * time.Minute
	// minFlagTTL is the least life of an entry; servers count in seconds.
	minFlagTTL = 5 * time.Second
)

// Flag is a session's entry among those that are not clear.
type Flag struct {
	// Key is [subject.Key] of tenant and session, or what else the broker tells entries apart by.
	Key string
	// Signal is the open requirement; nil when the session is clear.
	Signal *riskdv1.Signal
	// Revision is the broker's own sequence of the entry.
	Revision uint64
	// Created is when the broker stored the entry.
	Created  time.Time
	Position Position
	// Challenge and ChallengeRevision are the signal's; a cleared flag still has them.
	Challenge         string
	ChallengeRevision uint64
}

// FlagReader follows the flags: what is there first, then every change. One goroutine at a time.
type FlagReader interface {
	// Take appends changes to dst, at least one, and blocks until ctx ends. A flag without a signal was cleared or has run out.
	Take(ctx context.Context, dst []Flag) ([]Flag, error)
	// Drain is Take that also returns, with no change, when everything there was read; end tells.
	Drain(ctx context.Context, dst []Flag) (flags []Flag, end bool, err error)
	Close()
}

// StoredSignal is a signal as the broker keeps it.
type StoredSignal struct {
	Signal   *riskdv1.Signal
	Stored   time.Time
	Position Position
}

// Blocks tells whether a signal leaves its session flagged: an open requirement, a denial, or an
// expiry that the policy answers with deny.
func Blocks(s *riskdv1.Signal) bool {
	return s.State == "required" || s.State == "denied" || s.State == "expired" && s.OnExpiry == "deny"
}

// FlagTTL is how long the entry of a blocking signal lives. It is relative, because event time need not be
// wall time. An entry that binds does not leave at the end of its time: whoever was to say what follows may be away,
// and a session must not become clear by waiting for that.
func FlagTTL(s *riskdv1.Signal) time.Duration {
	if s.State != "required" || s.OnExpiry != "allow" {
		return BindingTTL
	}
	return max(FlagLife(s)+FlagGrace, minFlagTTL)
}

// FlagLeft is how much of its life a required signal had left, in event time, when this revision was made.
func FlagLeft(s *riskdv1.Signal) time.Duration {
	return min(max(time.Duration(s.ExpiresAtMs-s.AtMs)*time.Millisecond, 0), FlagLife(s))
}

// FlagLife is how long a required signal may stand unanswered.
func FlagLife(s *riskdv1.Signal) time.Duration {
	return max(time.Duration(s.ExpiresAtMs-s.IssuedAtMs)*time.Millisecond, 0)
}
