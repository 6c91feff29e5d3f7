package policylog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Kind of a change.
type Kind string

// What can happen to policies.
const (
	// Pushed: a version was stored. Nothing judges by it yet.
	Pushed Kind = "pushed"
	// Approved by somebody; under the two-person rule, by somebody else than its author.
	Approved Kind = "approved"
	// Activated: from here on it judges its tenant, or a share of the tenant's users.
	Activated Kind = "activated"
	// RolledBack: what judged before judges again.
	RolledBack Kind = "rolled_back"
	// TwoPersonOn and TwoPersonOff switch the rule that versions need an approver who is not the author. Off needs two
	// persons itself: the first change asks, the second, by somebody else, does it.
	TwoPersonOn  Kind = "two_person_on"
	TwoPersonOff Kind = "two_person_off"
)

// Change is one entry of the log.
type Change struct {
	// N counts changes from 1. That of the last change to what is in force is its revision.
	N    uint64 `json:"n"`
	Kind Kind   `json:"kind"`
	// At is the author's clock.
	At time.Time `json:"at"`
	// Author made the change, for a Reason in his own words.
	Author string `json:"author"`
	Reason string `json:"reason"`
	// Tenant the version is for; "": every tenant without one of its own.
	Tenant string `json:"tenant"`
	// Version is the policy's, such as mine@3f2a9c01; "": what riskd was started with.
	Version string `json:"version,omitempty"`
	// Digest is the SHA-256 of the version's text, hex. Pushed only.
	Digest string `json:"digest,omitempty"`
	// Share of the tenant's users who are judged by it, percent; the others by what was in force. Activated only.
	Share float64 `json:"share,omitempty"`
	// Previous is the version that was in force. Activated and rolled back.
	Previous string `json:"previous,omitempty"`
	// Evidence is what was known of the version when the change was made, such as a backtest's result.
	Evidence string `json:"evidence,omitempty"`
	// Prev is the SHA-256 of the change before, as stored, hex; "" in the first.
	Prev string `json:"prev,omitempty"`
}

// encode is the stored form.
func (c *Change) encode() ([]byte, error) {
	data, err := json.Marshal(c)
	if err == nil && len(data) > MaxChange {
		err = fmt.Errorf("%d bytes, limit %d", len(data), MaxChange)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding change: %w", err)
	}
	return data, nil
}

// decode reads a stored change.
func decode(n uint64, data []byte) (Change, error) {
	var c Change
	if len(data) > MaxChange {
		return c, fmt.Errorf("%w: change %d has %d bytes", ErrBroken, n, len(data))
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%w: change %d: %w", ErrBroken, n, err)
	}
	if c.N != n {
		return c, fmt.Errorf("%w: change %d says it is %d", ErrBroken, n, c.N)
	}
	return c, nil
}

// check refuses what no change may be.
func (c *Change) check() error {
	c.Author, c.Reason = strings.TrimSpace(c.Author), strings.TrimSpace(c.Reason)
	switch {
	case c.Author == "" || len(c.Author) > maxName:
		return fmt.Errorf("%w: want an author of 1 to %d bytes", ErrRefused, maxName)
	case c.Reason == "" || len(c.Reason) > maxReason:
		return fmt.Errorf("%w: want a reason of 1 to %d bytes: auditors ask for it", ErrRefused, maxReason)
	case len(c.Evidence) > maxReason:
		return fmt.Errorf("%w: the evidence has more than %d bytes", ErrRefused, maxReason)
	case !(c.Share >= 0 && c.Share <= 100):
		return fmt.Errorf("%w: a share is 0 to 100 percent", ErrRefused)
	}
	return nil
}

// Digest of a text, SHA-256 in hex.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
