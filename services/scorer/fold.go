package scorer

import (
	"fmt"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/session"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/warm"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// fold steps the events of one batch over the profiles they belong to, without touching the store until merge:
// the overlay of the commit protocol. It takes the users one after the other, so one decoded profile is
// in memory at a time; the events of a user keep their order. A batch may come in pieces, each with a run of its own. Reused from batch to
// batch; not safe for concurrent use.
type fold struct {
	// engine judges the next run; its caller sets it.
	engine    Engine
	retention int64 // milliseconds

	items  []item // of this piece
	groups []group
	byHash map[uint64]int32 // hash, probed on clashes, to group
	todo   []int32          // groups with items in this piece, in the order of the first

	keys []byte
	out  []byte // encoded profiles

	ev   event.Event
	dec  decision.Decision
	prof profile.Profile
	read profile.Decoder

	// told, when set, makes run a replay: all its events were judged before, and what apps were told then holds, also
	// when the engine judges otherwise by now.
	told *session.Told
	said []signal.Signal
}

// item is one event to step.
type item struct {
	read  *wire.Parsed // nil in a replay: its events were checked before
	entry *riskdv1.JournalEntry
	at    int   // place of entry in its record
	next  int32 // the same user's next item, -1 at the end
}

// group is one user's events in this batch, and the profile after them.
type group struct {
	hash        uint64
	key0, key1  int
	first, last int32 // its items in this piece; first is -1 when there are none
	out0, out1  int
	seen        int64
	changed     bool
}

func newFold(retentionMS int64) *fold {
	return &fold{retention: retentionMS, byHash: make(map[uint64]int32)}
}

func (f *fold) reset() {
	clear(f.items)
	f.items, f.groups, f.keys, f.out, f.todo = f.items[:0], f.groups[:0], f.keys[:0], f.out[:0], f.todo[:0]
	clear(f.byHash)
}

// more begins the next piece: what was run is part of the outcome, and its events are let go.
func (f *fold) more() {
	clear(f.items)
	f.items, f.todo = f.items[:0], f.todo[:0]
}

// add takes the event of an entry, and what is known of the world, into the batch. read is the event as it was read, nil when entry has all of it.
func (f *fold) add(read *wire.Parsed, entry *riskdv1.JournalEntry, at int) {
	key0, pb := len(f.keys), entry.Event
	f.keys = appendKey(f.keys, pb.TenantId, pb.User.GetId())
	key := f.keys[key0:]
	hash := hashKey(key)
	n := int32(len(f.items))
	f.items = append(f.items, item{read: read, entry: entry, at: at, next: -1})
	for slot := hash; ; slot += 0x9e3779b97f4a7c15 {
		g, taken := f.byHash[slot]
		if !taken {
			f.byHash[slot] = int32(len(f.groups))
			f.todo = append(f.todo, int32(len(f.groups)))
			f.groups = append(f.groups, group{hash: hash, key0: key0, key1: len(f.keys), first: n, last: n})
			return
		}
		gr := &f.groups[g]
		if gr.hash == hash && string(f.keys[gr.key0:gr.key1]) == string(key) {
			f.keys = f.keys[:key0]
			if gr.first < 0 {
				f.todo = append(f.todo, g)
				gr.first = n
			} else {
				f.items[gr.last].next = n
			}
			gr.last = n
			return
		}
	}
}

// run steps all events of this piece. ahead asks for the memory of an entry's event, by its place in the record, some time before the event is
// stepped; nil does nothing. judge is told each event's outcome; the decision is valid during the call.
func (f *fold) run(st *store, ahead func(at int), judge func(it *item, d *decision.Decision)) error {
	next := f.before(st, 0)
	for u, i := range f.todo {
		g := &f.groups[i]
		was := next
		next = f.before(st, u+1)
		seen, known := was.seen, was.known
		if known {
			if err := f.read.Decode(was.profile, &f.prof); err != nil {
				return fmt.Errorf("reading a profile of page %d: %w", pageOf(g.hash), err)
			}
		} else {
			f.prof.Reset()
		}
		for n := g.first; n >= 0; n = f.items[n].next {
			it := &f.items[n]
			if n := f.following(it, u+1); ahead != nil && n >= 0 {
				ahead(f.items[n].at)
			}
			if err := f.event(it); err != nil {
				// Validate has passed it; should the two ever differ, the event is refused, not lost.
				f.dec.Reset()
				f.dec.Status, f.dec.Reason = decision.Dead, wire.Reason(err)
				judge(it, &f.dec)
				continue
			}
			received := it.entry.Enrichment.GetReceivedMs()
			if known && received-seen > f.retention {
				// Forgotten users leave the pages some time later. Whether they are still there must not matter, so
				// the rule is applied here too, by the broker's time of the events, which a replay has as well.
				f.prof.Reset()
			}
			if f.told != nil {
				f.told.Save(&f.prof)
			}
			f.engine.Step(&f.prof, &f.ev, &f.dec)
			if f.told != nil {
				f.hold(it.entry)
			}
			if f.dec.Status == decision.Scored || f.told != nil {
				g.changed, known = true, true
				seen = max(seen, received)
			}
			judge(it, &f.dec)
		}
		g.first = -1
		if g.changed {
			g.out0, g.seen = len(f.out), seen
			f.out = f.prof.AppendBinary(f.out)
			g.out1 = len(f.out)
			if g.out1-g.out0 > maxProfile {
				return fmt.Errorf("a profile of page %d has %d bytes, limit %d", pageOf(g.hash), g.out1-g.out0, maxProfile)
			}
		}
	}
	return nil
}

// before is a user's profile as it was before a run.
type before struct {
	profile []byte
	seen    int64
	known   bool
}

// before finds the profile of user u of those to do, and asks for its memory; there is none behind the last.
func (f *fold) before(st *store, u int) (b before) {
	if u == len(f.todo) {
		return b
	}
	g := &f.groups[f.todo[u]]
	if g.changed {
		return before{f.out[g.out0:g.out1], g.seen, true}
	}
	b.profile, b.seen, b.known = st.get(g.hash, f.keys[g.key0:g.key1])
	warm.Bytes(b.profile)
	return b
}

// following is the item that is stepped after it: the user's next or, behind the last, the first of user u of those to do; -1 at the end.
func (f *fold) following(it *item, u int) int32 {
	if it.next >= 0 || u == len(f.todo) {
		return it.next
	}
	return f.groups[f.todo[u]].first
}

// event makes the engine's event of an item.
func (f *fold) event(it *item) error {
	if it.read == nil {
		return wire.ToEvent(it.entry.Event, it.entry.Enrichment, &f.ev)
	}
	return it.read.ToEvent(it.entry.Enrichment, &f.ev)
}

// hold keeps the profile's sessions at what the record of a repeated event told apps.
func (f *fold) hold(e *riskdv1.JournalEntry) {
	was := e.Decision.GetSignals()
	f.said = append(f.said[:0], make([]signal.Signal, len(was))...)
	for i, s := range was {
		wire.ToSignal(s, &f.said[i])
	}
	if !session.Same(f.said, f.dec.Signals) || e.Decision.GetSessionState() != f.dec.SessionState {
		f.told.Restore(&f.prof, f.said)
	}
}

// merge makes the outcome the state; called once the record is stored.
func (f *fold) merge(st *store) error {
	for i := range f.groups {
		if g := &f.groups[i]; g.changed {
			if err := st.put(g.hash, f.keys[g.key0:g.key1], f.out[g.out0:g.out1], g.seen); err != nil {
				return err
			}
		}
	}
	return nil
}
