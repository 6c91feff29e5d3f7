package backtest

import (
	"fmt"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

type userKey struct{ tenant, user string }

// pair is one user's profile under each policy.
type pair struct{ old, new profile.Profile }

// user is what is known of one user: profiles as objects, or encoded.
type user struct {
	key      userKey
	now      *pair
	old, new []byte
	// seen is when the broker took his last scored event, milliseconds.
	seen     int64
	weeks    []int32
	sessions map[string]*session
	prompts  [2]int
}

// session is what the report needs of one session.
type session struct {
	// at is the event, and by the rule, of the first challenge or denial under the live and the new policy.
	at     [2]event.Millis
	by     [2]string
	eventN [2]string
	risk   [2]float64
	// failed and passed tell of answers in history, label of which attack it is known to be a part; inside, that an event since lies
	// between From and To.
	failed, passed, inside bool
	label                  string
}

// user finds a user, and makes his profiles objects.
func (w *worker) user(pb *riskdv1.Event) (*user, error) {
	k := userKey{pb.TenantId, pb.User.GetId()}
	u := w.users[k]
	if u != nil && u.now != nil {
		return u, nil
	}
	if len(w.live) == maxLive {
		w.rest(maxLive / 4)
	}
	if u == nil {
		k = userKey{strings.Clone(k.tenant), strings.Clone(k.user)}
		u = &user{key: k, sessions: map[string]*session{}}
		w.users[k] = u
	}
	if n := len(w.free); n > 0 {
		u.now, w.free = w.free[n-1], w.free[:n-1]
	} else {
		u.now = &pair{}
	}
	u.now.old.Reset()
	u.now.new.Reset()
	if u.old != nil {
		if err := profile.Decode(u.old, &u.now.old); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		if err := profile.Decode(u.new, &u.now.new); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		u.old, u.new = nil, nil
	}
	w.live = append(w.live, u)
	return u, nil
}

// rest encodes the profiles of the n users that have been alive longest.
func (w *worker) rest(n int) {
	for _, u := range w.live[:n] {
		u.old = u.now.old.AppendBinary(make([]byte, 0, 512))
		u.new = u.now.new.AppendBinary(make([]byte, 0, 512))
		w.free = append(w.free, u.now)
		u.now = nil
	}
	w.live = append(w.live[:0], w.live[n:]...)
}
