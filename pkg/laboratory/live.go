package laboratory

import (
	"container/heap"
	"context"
	"fmt"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Judge scores one event with everything on: enrichment, engine, policy. Events come in time order; the
// decision is valid until the next call.
type Judge func(*riskdv1.Event) (*decision.Decision, error)

// Live plays a whole world through a [Judge]: flags are raised by the policy, apps show them, the
// honest answer and thieves fail, and what follows is scored as well. That is what a login trial cannot
// show: sessions that are taken over, deeds inside them, prompts in the middle of work.
type Live struct {
	Judge   Judge
	reactor *simulate.Reactor
	later   laterItems
	seq     int
}

// laterItem is an event that is not the world's next one.
type laterItem struct {
	item  simulate.Item
	seq   int
	admit bool
}

type laterItems []laterItem

func (l laterItems) Len() int { return len(l) }
func (l laterItems) Less(i, k int) bool {
	a, b := l[i].item.Event.TimeMs, l[k].item.Event.TimeMs
	return a < b || a == b && l[i].seq < l[k].seq
}
func (l laterItems) Swap(i, k int) { l[i], l[k] = l[k], l[i] }
func (l *laterItems) Push(x any)   { *l = append(*l, x.(laterItem)) }
func (l *laterItems) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

func (l *Live) push(it simulate.Item, admit bool) {
	l.seq++
	heap.Push(&l.later, laterItem{it, l.seq, admit})
}

// Run merges the world's events with those that follow from flags, in time order, and counts what
// became of them.
func (l *Live) Run(ctx context.Context, world *simulate.World) (*Sessions, error) {
	l.reactor, l.later, l.seq = simulate.NewReactor(), nil, 0
	out := newSessions()
	next, more := world.Next()
	for n := 0; more || len(l.later) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var it simulate.Item
		admit := true
		if len(l.later) > 0 && (!more || l.later[0].item.Event.TimeMs <= next.Event.TimeMs) {
			i := heap.Pop(&l.later).(laterItem)
			it, admit = i.item, i.admit
		} else {
			it = next
			next, more = world.Next()
		}
		if admit {
			switch l.reactor.Admit(&it) {
			case simulate.Drop:
				continue
			case simulate.Later:
				l.push(it, true)
				continue
			}
		}
		d, err := l.Judge(it.Event)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", it.Event.Id, err)
		}
		out.take(&it, d)
		for i := range d.Signals {
			for _, follow := range l.reactor.React(flagOf(&d.Signals[i])) {
				l.push(follow, false)
			}
		}
	}
	out.close()
	return out, nil
}

func flagOf(s *signal.Signal) simulate.Flag {
	return simulate.Flag{
		Tenant: s.Tenant, Session: s.Session, ChallengeID: s.ChallengeID, Revision: s.Revision, State: string(s.State), Issued: int64(s.Issued), Cause: s.Cause,
	}
}
