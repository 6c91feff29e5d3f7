// Package policylog is the life of policies: a log of changes (pushed, approved, activated, rolled back) beside the texts
// of all versions. What is in force is a fold over that log, so every worker, console and auditor that reads it
// comes to the same answer, and the number of the last change names it.
//
// A change that is refused appends nothing and changes nothing. Each change holds the hash of the one before it: the log
// is a chain, like the journal, and a change that was edited afterwards is found.
//
// Who an author is, is what the program that appends says; whoever may write to the broker's bucket may claim a name.
//
// A [Book] makes changes, a [Keeper] follows them and holds engines ready. Both are safe for concurrent use.
package policylog

import (
	"context"
	"errors"
)

// Log keeps changes and texts. Implementations are in package broker/...; policylogtest has their conformance suite.
type Log interface {
	// Append stores data as change n, unless there is one already: [ErrTaken]. Changes count from 1.
	Append(ctx context.Context, n uint64, data []byte) error
	// Put stores a text under a name that tells its content; repeating it is harmless.
	Put(ctx context.Context, name string, text []byte) error
	// Get is a text by its name, or [ErrMissing].
	Get(ctx context.Context, name string) ([]byte, error)
	// Follow hands over the changes in order from the first, then calls known once, and hands over what comes, until ctx
	// ends (nil) or hand fails (its error).
	Follow(ctx context.Context, hand func(n uint64, data []byte) error, known func()) error
}

var (
	// ErrTaken is returned when somebody else appended that change.
	ErrTaken = errors.New("another change came first")
	// ErrMissing is wrapped when there is no such text or version.
	ErrMissing = errors.New("not in the log of policies")
	// ErrRefused is wrapped by every refusal; nothing was changed.
	ErrRefused = errors.New("refused")
	// ErrBroken is wrapped when the log is not what was written: a change is edited, missing or of no known kind.
	ErrBroken = errors.New("the log of policies is broken")
)

const (
	// MaxText is the longest policy text, bytes; it is stored compressed.
	MaxText = 1 << 20
	// MaxChange bounds a stored change, bytes.
	MaxChange = 16 << 10
	// MaxChanges bounds the log. At a change an hour it lasts a decade.
	MaxChanges = 100_000
	maxName    = 128
	maxReason  = 1000
)
