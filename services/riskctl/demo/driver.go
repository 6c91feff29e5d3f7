package demo

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	tick = 10 * time.Millisecond
	// waitingMost bounds the events that wait for their turn.
	waitingMost = 200_000
	// lagMost is how far the scorer may be behind before the history waits for it.
	lagMost = 1200
	// lagCalm is how far the history lets it be behind when flags take longer than flagSlow: people would not wait for them.
	lagCalm  = 200
	flagSlow = 150 * time.Millisecond
	// gateFirst is how long an app waits for a flag after a login, before it knows better.
	gateFirst = 120 * time.Millisecond
	gateMost  = 5 * time.Second
	// sentMost bounds the memory of what was sent when.
	sentMost = 20_000
	// closeWait is how long the apps still answer flags after the world has ended.
	closeWait = 3 * time.Second
)

// driver sends the world's events. Each person has a line: after a login or another event that can
// raise a flag the line waits a moment, as an app does that looks at the guard before it lets
// somebody in; what the flag brings about goes into the same line. Only run's goroutine may touch it,
// but for the counters.
type driver struct {
	cfg     *Config
	world   *simulate.World
	reactor *simulate.Reactor
	road    road
	changes <-chan heard

	clock   clock
	lines   map[lineKey]*line
	active  []*line
	next    simulate.Item
	more    bool
	batch   []*riskdv1.Event
	waiting int
	spoil   spoiler

	// sentAt tells when the event was sent that would raise the challenge of this id: the id is known before.
	// Two generations, so that it stays bounded.
	sentAt, sentBefore map[string]time.Time
	gate               time.Duration

	simNow   atomic.Int64 // event time reached, Unix milliseconds
	sent     atomic.Int64 // events the broker has acknowledged
	reacted  atomic.Int64 // of those, events that followed from flags
	spoiled  atomic.Int64 // wrong on purpose
	history  atomic.Bool  // still sending the history
	finished atomic.Bool
	delays   delays // event to guard
	truths   truths
}

func newDriver(cfg *Config, atlas *simulate.Atlas, r road, changes <-chan heard) (*driver, error) {
	d := &driver{
		cfg: cfg, road: r, changes: changes, reactor: simulate.NewReactor(), lines: map[lineKey]*line{},
		sentAt: map[string]time.Time{}, sentBefore: map[string]time.Time{}, gate: gateFirst, clock: newClock(cfg, time.Now()),
	}
	w := simulate.DefaultConfig(d.clock.worldEnd)
	w.Users, w.Seed, w.Start, w.Activity = cfg.Users, cfg.Seed, d.clock.start, activity
	w.Attacks, w.AttackAfter = attacksPerKind(cfg), d.clock.attackAfter()
	world, err := simulate.New(w, atlas)
	if err != nil {
		return nil, err
	}
	d.world = world
	d.next, d.more = world.Next()
	d.spoil = newSpoiler(cfg.Seed)
	d.history.Store(true)
	return d, nil
}

// run sends until the time is over, and returns nil then.
func (d *driver) run(ctx context.Context, book *book, view *view, riskd *process) error {
	begin := time.Now()
	d.clock.begin(begin)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	defer d.finished.Store(true)
	budget := 0.0
	last := begin
	for {
		select {
		case <-ctx.Done():
			return d.close(context.WithoutCancel(ctx), view) // stopped by the person; the record is checked as usual
		case e := <-d.changes:
			d.flagged(e)
			continue
		case <-ticker.C:
			d.answer() // people do not wait until a busy machine has sent everything else
		}
		now := time.Now()
		if d.cfg.Seconds > 0 && now.Sub(begin) >= time.Duration(d.cfg.Seconds)*time.Second {
			return d.close(ctx, view)
		}
		if err := riskd.alive(); err != nil {
			return err
		}
		// Flags are worth seeing only while riskd keeps up; a slow machine gets a slower world.
		lag := d.sent.Load() - book.decided.Load()
		behind := lag > lagMost || d.history.Load() && lag > lagCalm && d.delays.quantile(0.5) > flagSlow
		switch {
		case behind:
			budget = 0
		case d.history.Load():
			budget = min(budget+now.Sub(last).Seconds()*float64(d.cfg.Rate), float64(d.cfg.Rate)/5)
			budget = d.pullHistory(budget, now)
		default:
			d.pullUntil(d.clock.sim(now))
		}
		last = now
		if err := d.flush(ctx, now); err != nil {
			return err
		}
		if err := d.spoil.maybe(context.WithoutCancel(ctx), d, now); err != nil {
			return err
		}
		view.refresh(now)
	}
}

// close sends what people still have to say about open challenges, as far as it lies in the past.
func (d *driver) close(ctx context.Context, view *view) error {
	d.history.Store(false)
	begin := time.Now()
	for now := begin; now.Sub(begin) < closeWait; now = time.Now() {
		d.simNow.Store(now.UnixMilli() - 1000)
		select {
		case e := <-d.changes:
			d.flagged(e)
			continue
		case <-time.After(tick):
			d.answer()
		}
		if err := d.flush(ctx, now); err != nil {
			return err
		}
		view.refresh(now)
	}
	return nil
}

// pullHistory takes events while there is budget, and turns to the present at its beginning, or
// when too much of the time has gone into the history.
func (d *driver) pullHistory(budget float64, now time.Time) float64 {
	for budget >= 1 && d.more && d.waiting < waitingMost {
		if d.next.Event.TimeMs >= d.clock.liveStart.UnixMilli() || d.clock.late(now) {
			d.clock.goLive(now, d.next.Event.TimeMs)
			d.delays.forget() // what was measured at full load says nothing of the present
			d.history.Store(false)
			return 0
		}
		d.take()
		budget--
	}
	return budget
}

func (d *driver) pullUntil(sim int64) {
	for d.more && d.next.Event.TimeMs <= sim && d.waiting < waitingMost {
		d.take()
	}
	d.simNow.Store(max(d.simNow.Load(), sim))
}

func (d *driver) take() {
	ev := d.next.Event
	d.simNow.Store(ev.TimeMs)
	l := d.line(lineKey{ev.TenantId, ev.User.Id})
	d.enqueue(l, queuedItem{Item: d.next})
	d.next, d.more = d.world.Next()
}

// answer takes all changes that have come.
func (d *driver) answer() {
	for {
		select {
		case e := <-d.changes:
			d.flagged(e)
		default:
			return
		}
	}
}

// flagged is what the apps do when the guard tells of a change.
func (d *driver) flagged(e heard) {
	v := e.verdict
	flag := simulate.Flag{Tenant: e.Tenant, Session: e.Session, ChallengeID: v.ChallengeID(), Revision: v.Revision(), State: v.State.String()}
	if !v.Issued().IsZero() {
		flag.Issued = v.Issued().UnixMilli()
	}
	if v.State == sdk.Required && v.Revision() == 1 {
		at, ok := d.sentAt[flag.ChallengeID]
		if !ok {
			at, ok = d.sentBefore[flag.ChallengeID]
		}
		if ok {
			d.measured(e.at.Sub(at))
		}
	}
	follow := d.reactor.React(flag)
	if len(follow) == 0 {
		return
	}
	ev := follow[0].Event
	l := d.line(lineKey{ev.TenantId, ev.User.Id})
	for _, it := range follow {
		d.enqueue(l, queuedItem{it, true})
	}
}

// measured learns how long flags take, so that apps wait long enough and no longer.
func (d *driver) measured(took time.Duration) {
	d.delays.add(took)
	d.gate = min(max(gateFirst, 2*d.delays.quantile(0.9)), gateMost)
}

// remember notes when an event was sent, under the challenge that it may raise.
func (d *driver) remember(ev *riskdv1.Event, now time.Time) {
	if ev.Session.GetId() == "" {
		return
	}
	if len(d.sentAt) >= sentMost {
		d.sentAt, d.sentBefore = d.sentBefore, d.sentAt
		clear(d.sentAt)
	}
	d.sentAt[subject.ChallengeID(ev.TenantId, ev.Session.Id, ev.Source, ev.Id)] = now
}
