package natsjs

import (
	"slices"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// maxSharers bounds how many users of one session id an entry remembers.
const maxSharers = 8

// owed is what one user owes in a session.
type owed struct {
	sig *riskdv1.Signal
	pos broker.Position
}

// held lists what an entry says of each user of the session, the entry's own signal first; none for a marker.
func held(cur *broker.Flag) []owed {
	if cur.Signal == nil {
		return nil
	}
	list := append(make([]owed, 0, 1+len(cur.Signal.Also)), owed{cur.Signal, cur.Position})
	for _, a := range cur.Signal.Also {
		if a.Signal != nil {
			pos, _ := broker.ParsePosition(a.Position)
			list = append(list, owed{a.Signal, pos})
		}
	}
	cur.Signal.Also = nil
	return list
}

// settle works out what the entry says once sig has come: the strictest requirement first, so that who reads only that
// blocks when anybody of the session owes something. Two users may share a session id (a process number, a terminal): what one
// of them proves does not clear the other. ok is false when nothing changes. An empty list is a clear session.
func settle(sig *riskdv1.Signal, pos broker.Position, cur broker.Flag) (list []owed, ok bool) {
	list = held(&cur)
	i := slices.IndexFunc(list, func(o owed) bool { return o.sig.UserId == sig.UserId })
	switch {
	case len(list) == 0:
		if !overMarker(sig, pos, cur) {
			return nil, false
		}
		list = []owed{{sig, pos}}
	case i < 0:
		if !broker.Blocks(sig) {
			return nil, false
		}
		list = append(list, owed{sig, pos})
	case !newer(sig, pos, list[i]):
		return nil, false
	default:
		list[i] = owed{sig, pos}
	}
	slices.SortStableFunc(list, func(a, b owed) int { return strictness(b.sig) - strictness(a.sig) })
	if !broker.Blocks(list[0].sig) {
		return nil, true
	}
	return list[:min(len(list), maxSharers)], true
}

// overMarker decides whether sig may be written where nobody owes anything.
func overMarker(sig *riskdv1.Signal, pos broker.Position, cur broker.Flag) bool {
	switch {
	case cur.Challenge == "":
		return broker.Blocks(sig) // nothing known of the key: clearing it would write for nothing
	case cur.Challenge == sig.ChallengeId:
		return sig.Revision > cur.ChallengeRevision
	case cur.Position.Partition == pos.Partition:
		return pos.Seq >= cur.Position.Seq
	}
	return broker.Blocks(sig) // over a marker that another user's partition left
}

// newer decides whether sig comes after what is known of the same user.
func newer(sig *riskdv1.Signal, pos broker.Position, was owed) bool {
	switch {
	case was.sig.ChallengeId == sig.ChallengeId:
		return sig.Revision > was.sig.Revision
	case was.pos.Partition == pos.Partition:
		return pos.Seq >= was.pos.Seq
	}
	return broker.Blocks(sig)
}

// strictness orders signals by how much they block.
func strictness(s *riskdv1.Signal) int {
	switch {
	case !broker.Blocks(s):
		return 0
	case s.State != "required":
		return 3
	case s.Scope == nil:
		return 2
	}
	return 1
}
