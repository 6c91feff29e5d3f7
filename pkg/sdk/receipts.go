package sdk

import (
	"sync"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What an application did with a flag.
const (
	resultShown    = "shown"
	resultPassed   = "passed"
	resultAllowed  = "allowed"
	resultDenied   = "denied"
	resultFailOpen = "fail_open"
	resultStale    = "stale"
)

const (
	// receiptEvery is how often the same receipt of the same session is sent; those between are counted into the next.
	// Access that was allowed is always sent.
	receiptEvery = 10 * time.Second
	// attemptLife is how long a blocked request and its repetitions are one attempt.
	attemptLife = 10 * time.Second
	// maxRemembered bounds either memory; beyond it the oldest generation is forgotten.
	maxRemembered = 8192
)

// receipts reports enforcement, so that the ledger shows what became of a flag.
type receipts struct {
	c  *Client
	mu sync.Mutex
	// Two generations: when the young one is full it becomes the old one.
	young, old map[receiptKey]*repetition
}

type receiptKey struct{ tenant, session, challenge, route, result string }

type repetition struct {
	sent    time.Time
	skipped uint32
}

func newReceipts(c *Client) *receipts { return &receipts{c: c, young: map[receiptKey]*repetition{}} }

func (rs *receipts) find(k receiptKey) *repetition {
	if r := rs.young[k]; r != nil {
		return r
	}
	r := rs.old[k]
	if r == nil {
		r = &repetition{}
	}
	if len(rs.young) >= maxRemembered {
		rs.old, rs.young = rs.young, map[receiptKey]*repetition{}
	}
	rs.young[k] = r
	return r
}

// send reports a result; repetitions within a short time are counted into the next.
func (rs *receipts) send(p Presence, route *RouteConfig, challengeID, result, reason string) {
	count := uint32(1)
	if result != resultAllowed {
		now := rs.c.now()
		rs.mu.Lock()
		r := rs.find(receiptKey{p.Tenant, p.SessionID, challengeID, route.Name, result})
		if !r.sent.IsZero() && now.Sub(r.sent) < receiptEvery {
			r.skipped++
			rs.mu.Unlock()
			return
		}
		count += r.skipped
		r.sent, r.skipped = now, 0
		rs.mu.Unlock()
	}
	rs.c.receipt(p, route.Name, route.Resource, challengeID, result, reason, count)
}

// first reports a result once.
func (rs *receipts) first(p Presence, route *RouteConfig, challengeID, result string) {
	rs.mu.Lock()
	r := rs.find(receiptKey{p.Tenant, p.SessionID, challengeID, route.Name, result})
	known := !r.sent.IsZero()
	r.sent = rs.c.now()
	rs.mu.Unlock()
	if !known {
		rs.c.receipt(p, route.Name, route.Resource, challengeID, result, "", 1)
	}
}

func (c *Client) receipt(p Presence, route string, res Resource, challengeID, result, reason string, count uint32) {
	outcome := OutcomeSuccess
	switch result {
	case resultShown:
		outcome = OutcomeChallenged
	case resultDenied, resultStale:
		outcome = OutcomeDenied
	}
	ev := p.Event("enforcement."+result, outcome)
	ev.Type, ev.ChallengeID, ev.Resource, ev.Reason, ev.Count = TypeEnforcement, challengeID, res, reason, count
	ev.enforcement = &riskdv1.Enforcement{Route: cut(route, MaxResource), Result: result, Sdk: Version}
	if _, err := c.Report(ev); err != nil {
		c.log.Error("riskd receipt not reported", "route", route, "result", result, "error", err)
	}
}

// attempts remembers which challenge a blocked request was told of, so that a page with ten requests is
// one attempt.
type attempts struct {
	mu         sync.Mutex
	young, old map[attemptKey]attempt
}

type attemptKey struct {
	tenant, session, route string
	proven                 int64 // a new proof makes a new attempt
}

type attempt struct {
	at        time.Time
	challenge string
}

func newAttempts() *attempts { return &attempts{young: map[attemptKey]attempt{}} }

func (as *attempts) once(k attemptKey, now time.Time, report func() string) string {
	as.mu.Lock()
	defer as.mu.Unlock()
	a, ok := as.young[k]
	if !ok {
		a, ok = as.old[k]
	}
	if ok && now.Sub(a.at) < attemptLife {
		return a.challenge
	}
	if len(as.young) >= maxRemembered {
		as.old, as.young = as.young, map[attemptKey]attempt{}
	}
	a = attempt{now, report()}
	as.young[k] = a
	return a.challenge
}
