package sdk

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Broker is riskd's message broker where that is not NATS: it takes events and tells the flags. Package sdk/kafka has one, in
// a module of its own. Safe for concurrent use.
type Broker interface {
	// Send stores events, those of one user in order, and writes each one's fate. What it leaves [Unsent] is sent again after a
	// pause; err says why, for the log.
	Send(ctx context.Context, batch []*riskdv1.Event, fates []Fate) error
	// Follow reads what all sessions owe and then every change, and tells feed, until ctx ends or the thread is lost: the guard calls
	// it again then, after a pause.
	Follow(ctx context.Context, feed *Feed) error
	// Close ends it. No other call is running or will be made.
	Close()
}

// WithBroker sends events to b and follows the flags there. With a gateway too, events go over HTTP; with a NATS connection too, flags
// come over NATS. The client closes b.
func WithBroker(b Broker) Option { return func(o *options) { o.broker = b } }

// Fate is what became of one event that was sent.
type Fate uint8

// The fates of an event.
const (
	Unsent    Fate = iota // not known to be stored: it is sent again
	Accepted              // stored
	Duplicate             // was stored already
	Refused               // never again: it cannot be stored
)

// Feed is how a [Broker] tells a guard what sessions owe. It belongs to the call of Follow that it was given to.
type Feed struct {
	g    *Guard
	owed map[sessionKey]map[string]*riskdv1.Signal // of each session, by user
	seen map[sessionKey]struct{}                   // nil once the snapshot is complete
}

type sessionKey struct{ tenant, session string }

// sharersMost bounds how many users of one session id are told apart.
const sharersMost = 8

// Put takes over the newest signal of a user in a session. sequence is the broker's own. A signal that blocks nothing clears.
func (f *Feed) Put(sequence uint64, sig *riskdv1.Signal) {
	k := sessionKey{sig.TenantId, sig.SessionId}
	users := f.owed[k]
	if was := users[sig.UserId]; was != nil && was.ChallengeId == sig.ChallengeId && sig.Revision < was.Revision {
		f.g.count.flagsIgnored.Add(1)
		return
	}
	if newFlag(sig.TenantId, sig.SessionId, sequence, sig).state == Clear {
		delete(users, sig.UserId)
	} else if users == nil {
		f.owed[k] = map[string]*riskdv1.Signal{sig.UserId: sig}
	} else if _, known := users[sig.UserId]; known || len(users) < sharersMost {
		users[sig.UserId] = sig
	}
	f.settle(k, sequence)
}

// Unreadable tells that something about a session came that cannot be read: the session is [Unknown].
func (f *Feed) Unreadable(tenant, session string, sequence uint64) {
	k := sessionKey{tenant, session}
	f.note(k)
	f.g.apply(tenant, session, sequence, nil, []byte{0xff})
}

// settle makes one flag of what the users of a session owe: the strictest first.
func (f *Feed) settle(k sessionKey, sequence uint64) {
	f.note(k)
	users := f.owed[k]
	if len(users) == 0 {
		delete(f.owed, k)
		f.g.drop(k.tenant, k.session)
		return
	}
	var first *riskdv1.Signal
	for _, s := range users {
		if first == nil || strictness(s) > strictness(first) || strictness(s) == strictness(first) && s.UserId < first.UserId {
			first = s
		}
	}
	if len(users) > 1 {
		first = proto.Clone(first).(*riskdv1.Signal)
		for user, s := range users {
			if user != first.UserId {
				first.Also = append(first.Also, &riskdv1.Signal_Owed{Signal: s})
			}
		}
	}
	f.g.store(newFlag(k.tenant, k.session, sequence, first))
}

func (f *Feed) note(k sessionKey) {
	if f.seen != nil {
		f.seen[k] = struct{}{}
	}
}

// strictness orders signals that block: a denial before a requirement, one for the whole session before a narrower one.
func strictness(s *riskdv1.Signal) int {
	switch {
	case s.State != "required":
		return 3
	case s.Scope == nil:
		return 2
	}
	return 1
}

// Complete tells that everything there was has been put: flags that were not among it are gone.
func (f *Feed) Complete(asOf time.Time) {
	seen := f.seen
	f.seen = nil
	f.g.snapshot(func(tenant, session string) bool { _, ok := seen[sessionKey{tenant, session}]; return ok }, asOf)
}

// Current tells that everything the broker had at a moment has been put.
func (f *Feed) Current(asOf time.Time) { f.g.current(asOf) }
