package demo

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// spoilEvery is how often something wrong is sent in a short demo, spoilSlowly in one without end.
	spoilEvery  = 700 * time.Millisecond
	spoilSlowly = 10 * time.Second
	// offlineFor is how long a phone keeps its events to itself before it sends them: beyond any
	// lateness bound.
	offlineFor = 4 * 24 * time.Hour
)

// spoiler sends what real producers send on a bad day: repeats, latecomers, and what is no event at all.
type spoiler struct {
	seed uint64
	turn int
	next time.Time
	last *riskdv1.Event // something recent, to repeat
	bad  []simulate.Bad
}

func newSpoiler(seed uint64) spoiler { return spoiler{seed: seed} }

// saw lets the spoiler choose among the events that pass.
func (s *spoiler) saw(ev *riskdv1.Event) {
	if ev.User.GetKind() == "service" || ev.Session.GetId() == "" {
		return
	}
	s.last = ev
}

// maybe sends one wrong thing when it is time. Repeats and latecomers are sent for people whose later events
// are with riskd already.
func (s *spoiler) maybe(ctx context.Context, d *driver, now time.Time) error {
	if s.last == nil || now.Before(s.next) || ctx.Err() != nil {
		return nil
	}
	s.next = now.Add(spoilEvery)
	if d.cfg.Seconds == 0 && s.turn > 8 { // one of each at once, then now and then
		s.next = now.Add(spoilSlowly)
	}
	s.turn++
	// Acknowledged like any other: what is accepted has to show up in the counts.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var err error
	switch s.turn % 4 {
	case 1:
		err = d.road.repeat(ctx, s.last)
	case 2:
		old := proto.Clone(s.last).(*riskdv1.Event)
		old.Id, old.TimeMs = fmt.Sprintf("offline-%d-%s", s.turn, old.Id), old.TimeMs-offlineFor.Milliseconds()
		old.Session = nil
		err = d.road.repeat(ctx, old)
	default:
		if len(s.bad) == 0 {
			s.bad = simulate.BadInputs(s.seed+uint64(s.turn), s.last.TenantId, s.last.User.Id, now.UnixMilli())
		}
		b := s.bad[0]
		s.bad = s.bad[1:]
		err = d.road.raw(ctx, s.last.TenantId, s.last.User.Id, b.ContentType, b.Data)
	}
	if err != nil {
		return fmt.Errorf("sending a wrong event: %w", err)
	}
	d.sent.Add(1)
	d.spoiled.Add(1)
	return nil
}
