package backtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// worker plays some of the users.
type worker struct {
	cfg   *Config
	in    chan []Item
	err   error
	users map[userKey]*user
	// past is what was live at revision, the one asked for last.
	past     Engine
	revision uint64
	live     []*user // in the order of coming alive; the oldest rests first
	free     []*pair

	// states are the adaptive thresholds of the partitions that this worker plays, by partition.
	states   map[int]*states
	ev       event.Event
	old, new decision.Decision
	assumed  decision.Decision
	pb       riskdv1.Decision
	was, is  []byte
	// at are the thresholds in force under the live and the new policy.
	at [2]float64
	// last is the user of a span that is being played.
	last userKey

	tally tally
}

func newWorker(cfg *Config) *worker {
	return &worker{cfg: cfg, users: map[userKey]*user{}, states: map[int]*states{}, tally: newTally()}
}

func (w *worker) run() error {
	for batch := range w.in {
		for i := range batch {
			if err := w.play(&batch[i]); err != nil {
				return fmt.Errorf("event %s: %w", batch[i].Event.Id, err)
			}
		}
		w.cfg.Done.Add(int64(len(batch)))
	}
	return nil
}

// alone plays an item of a span, and forgets the users before.
func (w *worker) alone(it Item) error {
	if it.Event == nil {
		return nil
	}
	if k := (userKey{it.Event.TenantId, it.Event.User.GetId()}); k != w.last {
		w.conclude()
		w.last = k
	}
	it.partition = subject.Partition(w.last.tenant, w.last.user, w.cfg.Partitions)
	if err := w.play(&it); err != nil {
		return fmt.Errorf("event %s: %w", it.Event.Id, err)
	}
	w.cfg.Done.Add(1)
	return nil
}

// conclude counts the users so far, and lets go of them.
func (w *worker) conclude() {
	for _, u := range w.users {
		w.tally.user(u, w.cfg.Examples)
		if u.now != nil {
			w.free = append(w.free, u.now)
		}
	}
	clear(w.users)
	w.live = w.live[:0]
}

// play judges one event under both policies.
func (w *worker) play(it *Item) error {
	ev := &w.ev
	if err := wire.ToEvent(it.Event, it.Enrichment, ev); err != nil {
		return err
	}
	u, err := w.user(it.Event)
	if err != nil {
		return err
	}
	received := it.Enrichment.GetReceivedMs()
	if u.seen > 0 && received-u.seen > w.cfg.Retention.Milliseconds() {
		u.now.old.Reset()
		u.now.new.Reset()
	}
	live, err := w.liveAt(it.Revision)
	if err != nil {
		return err
	}
	id := w.answer(u, ev) // before the live policy takes the answer in
	switch {
	case w.cfg.Answers == Assumed:
		w.assume(live, &u.now.old, ev)
		w.assume(w.cfg.New, &u.now.new, ev)
	case w.cfg.Answers == FromHistory && !openSession(&u.now.old, ev):
		w.assume(w.cfg.New, &u.now.new, ev)
	}
	w.thresholds(it, ev, live)
	ev.StepUpAt = w.at[0]
	live.Step(&u.now.old, ev, &w.old)
	asked := ev.ChallengeID
	ev.ChallengeID, ev.StepUpAt = id, w.at[1]
	w.cfg.New.Step(&u.now.new, ev, &w.new)
	ev.ChallengeID = asked
	w.observe(it)
	if w.old.Status == decision.Scored {
		u.seen = max(u.seen, received)
	}
	if it.known() {
		w.recall(it)
	}
	w.count(u, ev, it.Attack)
	return nil
}

// liveAt is what was live at a revision.
func (w *worker) liveAt(revision uint64) (Engine, error) {
	if revision == 0 || w.cfg.LiveAt == nil {
		return w.cfg.Live, nil
	}
	if w.past == nil || w.revision != revision {
		var err error
		if w.past, err = w.cfg.LiveAt(revision); err != nil {
			return nil, fmt.Errorf("what was live at revision %d: %w", revision, err)
		}
		w.revision = revision
	}
	return w.past, nil
}

// count enters both decisions into the report.
func (w *worker) count(u *user, ev *event.Event, attack string) {
	t := &w.tally
	t.Events++
	if w.old.Status != decision.Scored || w.new.Status != decision.Scored {
		t.NotScored++
		return
	}
	s := u.sessions[w.old.Session]
	note := func() *session {
		if s == nil {
			s = &session{}
			u.sessions[strings.Clone(w.old.Session)] = s
		}
		return s
	}
	switch ev.Type {
	case event.StepUpFailed, event.StepUpDenied:
		note().failed = true
	case event.StepUpCompleted:
		if w.old.SessionState == "satisfied" {
			note().passed = true
		}
	case event.FeedbackEvent:
		if v := ev.Feedback.Verdict; v == "attack" || v == "revoke_session" {
			note().label = Labelled
		}
	}
	if attack != "" {
		note().label = attack
	}
	ms := int64(ev.Time)
	if !w.cfg.From.IsZero() && ms < w.cfg.From.UnixMilli() || !w.cfg.To.IsZero() && ms >= w.cfg.To.UnixMilli() {
		return
	}
	t.Counted++
	if s != nil {
		s.inside = true
	}
	if t.First == 0 || ev.Time < t.First {
		t.First = ev.Time
	}
	t.Last = max(t.Last, ev.Time)
	if week := int32(ms / (7 * 24 * 3600 * 1000)); !slices.Contains(u.weeks, week) {
		u.weeks = append(u.weeks, week)
		t.UserWeeks++
	}
	if w.old.Action != w.new.Action {
		t.Changed[[2]decision.Action{w.old.Action, w.new.Action}]++
	}
	for side, d := range [2]*decision.Decision{&w.old, &w.new} {
		for i := range d.Hits {
			t.hit(side, &d.Hits[i])
		}
		for i := range d.Signals {
			g := &d.Signals[i]
			denied := g.State == signal.Denied && ev.Type == event.Activity
			if g.State != signal.Required || g.Revision != 1 {
				if !denied {
					continue
				}
			}
			by := g.Rule
			if by == "" {
				by = Threshold
			}
			if denied {
				t.rule(by).Denials[side]++
			} else {
				t.rule(by).Prompts[side]++
				u.prompts[side]++
			}
			if x := note(); x.at[side] == 0 {
				x.at[side], x.by[side], x.eventN[side], x.risk[side] = ev.Time, by, strings.Clone(ev.ID), d.Risk
			}
		}
	}
}
