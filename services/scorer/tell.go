package scorer

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

const (
	// tellTogether is how many sessions are told at once.
	tellTogether = 64
	// tellWait is how long they wait for each other's answers. Those without one are then published one by one.
	tellWait = time.Second
)

// way is a session that has its lane and its place among the ways, and that nobody publishes yet.
type way struct {
	key string
	of  *outgoing
}

// brief tells that a session has one signal and that nobody has tried to publish it. Of several, one could be stored without the one before
// it; and what may be there has to be looked for.
func (o *outgoing) brief() bool { return len(o.signals) == 1 && !o.repeated && len(o.notices) == 0 }

// tell begins to publish sessions together where the broker can, else one by one.
func (f *effects) tell(all []way) {
	t, ok := f.s.outlet.(broker.Teller)
	if !ok {
		for _, w := range all {
			f.work.Go(func() { f.follow(w.key, w.of) })
		}
		return
	}
	for len(all) > 0 {
		n := min(len(all), tellTogether)
		some := all[:n]
		f.work.Go(func() { f.tellSome(t, some) })
		all = all[n:]
	}
}

func (f *effects) tellSome(t broker.Teller, all []way) {
	words := make([]broker.Word, len(all))
	for i, w := range all {
		words[i] = broker.Word{Signal: w.of.signals[0], Position: w.of.pos[0]}
	}
	told := make([]broker.Told, len(all))
	f.slot(func() error {
		ctx, cancel := context.WithTimeout(f.ctx, tellWait)
		defer cancel()
		told = t.Tell(ctx, words)
		return nil
	})
	for i, w := range all {
		o := w.of
		// Whatever the answer was, from here on it may be there.
		o.told, o.repeated = told[i], true
		if at := told[i].Flagged; !at.IsZero() {
			f.flagged(o, at)
		}
		if told[i].Stored {
			f.s.metrics.signals.WithLabelValues(o.signals[0].State).Inc()
		}
		next := o
		if told[i].Stored && !told[i].Flagged.IsZero() {
			next = f.done(w.key, o)
		}
		if next == nil {
			<-f.ways
			continue
		}
		f.work.Go(func() { f.follow(w.key, next) })
	}
}
