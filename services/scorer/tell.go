package scorer

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

const (
	// tellTogether is how many sessions are told at once.
	tellTogether = 64
	// tellSignals is how many signals of each are told so: more of one record are rare.
	tellSignals = 8
	// tellWait is how long they wait for each other's answers. Those without one are then published one by one.
	tellWait = time.Second
)

// way is a session that has its lane and its place among the ways, and that nobody publishes yet.
type way struct {
	key string
	of  *outgoing
}

// brief tells that a session has few signals, of one record, and that nobody has tried to publish them: what may be there has to be looked for.
func (o *outgoing) brief() bool {
	return len(o.signals) > 0 && len(o.signals) <= tellSignals && !o.repeated && len(o.notices) == 0
}

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

// tellSome tells sessions their flags and first signals, then those that have a second one that, and so on: of two signals of a session the
// second is sent when the first is known to be stored. From where something has no good answer a session is published one by one.
func (f *effects) tellSome(t broker.Teller, all []way) {
	for n := 0; len(all) > 0; n++ {
		words := make([]broker.Word, len(all))
		for i, w := range all {
			words[i] = broker.Word{Signal: w.of.signals[n], Position: w.of.pos[n]}
			if n == 0 {
				words[i].Flag = w.of.signals[len(w.of.signals)-1]
			}
		}
		told := make([]broker.Told, len(all))
		f.slot(func() error {
			ctx, cancel := context.WithTimeout(f.ctx, tellWait)
			defer cancel()
			told = t.Tell(ctx, words)
			return nil
		})
		more := all[:0]
		for i, w := range all {
			if f.heard(w, told[i]) {
				more = append(more, w)
			}
		}
		all = more
	}
}

// heard is what comes after the answer to one signal of a session. It reports whether another one is to be told.
func (f *effects) heard(w way, told broker.Told) bool {
	o := w.of
	if !told.Flagged.IsZero() {
		o.flagged = true
		f.measureFlag(o, told.Flagged)
	}
	if told.Stored {
		f.s.metrics.signals.WithLabelValues(o.signals[o.known].State).Inc()
		o.known++
	} else {
		o.repeated = true // whatever the answer was, it may be there
	}
	next, last := o, o.signals[len(o.signals)-1]
	switch {
	case !told.Stored:
	case o.known < len(o.signals) && (o.flagged || !broker.Blocks(last)): // a flag that clears a session can wait
		return true
	case o.known == len(o.signals) && o.flagged:
		next = f.done(w.key, o)
	}
	if next == nil {
		<-f.ways
		return false
	}
	f.work.Go(func() { f.follow(w.key, next) })
	return false
}
