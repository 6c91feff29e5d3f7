package subject

import (
	"crypto/sha256"
	"encoding/base32"
)

// challengePrefix starts every challenge id, so that one is told from any other id at sight.
const challengePrefix = "ch_"

// challengeBytes is how much of the digest an id keeps: 120 bits, which base32 writes in 24 characters
// without padding.
const challengeBytes = 15

var challengeText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ChallengeID names the challenge that the event (source, eventID) raises for a session, if it raises one.
// It is a pure function of its arguments: the engine and an app that blocks on its own route rule
// arrive at the same id without talking to each other, and a replay arrives at it again.
//
// The id is opaque and safe in URLs, but it is no secret: whoever knows the four names can compute it.
func ChallengeID(tenant, session, source, eventID string) string {
	// The stack buffer holds all but absurdly long names without an allocation.
	var stack [256]byte
	buf := append(stack[:0], tenant...)
	buf = append(buf, 0)
	buf = append(buf, session...)
	buf = append(buf, 0)
	buf = append(buf, source...)
	buf = append(buf, 0)
	buf = append(buf, eventID...)
	sum := sha256.Sum256(buf)

	var id [len(challengePrefix) + 24]byte
	copy(id[:], challengePrefix)
	challengeText.Encode(id[len(challengePrefix):], sum[:challengeBytes])
	return string(id[:])
}
