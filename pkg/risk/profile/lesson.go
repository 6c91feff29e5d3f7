package profile

import (
	"slices"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

const (
	// MaxLessons is how many judgements by people are kept.
	MaxLessons = 8
	// Settled is from how many present observations on surroundings are the user's own, whatever is said of one session.
	Settled = 5
)

// Lesson is what somebody said of a session, "it was me" or "not me", and what that teaches. It is kept beside what was
// learned, not mixed into it, so that it can be taken back: without it, the profile is what it would have been.
type Lesson struct {
	// Hostile is "not me"; otherwise the surroundings are the user's own.
	Hostile bool
	// Session it was said of, and when: whole seconds.
	Session uint64
	At      event.Millis
	// Share is what surroundings of the user's own count, thousandths of an observation.
	Share uint16
	// Context and Seen are the session's surroundings. Of hostile ones, what is settled as the user's own is left out.
	Context Context
	Seen    Sighting
	// Held is what a session of the user's own had against it, to be put back when that is taken back.
	Held Held
	// Learned tells that its surroundings had been learned before.
	Learned bool
}

// LessonOf is the index of a lesson about a session, or -1.
func (p *Profile) LessonOf(session uint64, hostile bool) int {
	return slices.IndexFunc(p.Lessons, func(l Lesson) bool { return l.Session == session && l.Hostile == hostile })
}

// LessonsSince counts the lessons of one sort from after a time on.
func (p *Profile) LessonsSince(t event.Millis, hostile bool) (n int) {
	for i := range p.Lessons {
		if p.Lessons[i].Hostile == hostile && p.Lessons[i].At > t {
			n++
		}
	}
	return n
}

// AddLesson keeps a lesson. When there is no room the oldest goes, what was said to be the user's own first.
func (p *Profile) AddLesson(l Lesson) {
	if len(p.Lessons) >= MaxLessons {
		old := 0
		for i := range p.Lessons {
			a, b := &p.Lessons[i], &p.Lessons[old]
			if a.Hostile != b.Hostile && !a.Hostile || a.Hostile == b.Hostile && a.At < b.At {
				old = i
			}
		}
		p.DropLesson(old)
	}
	l.Seen.Name = cut(l.Seen.Name, 48)
	p.Lessons = append(p.Lessons, l)
}

// DropLesson takes a lesson back.
func (p *Profile) DropLesson(i int) { p.Lessons = slices.Delete(p.Lessons, i, i+1) }

// Taught is the profile as the lessons make it look: surroundings of the user's own are learned, and what was learned of hostile ones
// is not there. It is for reading; sessions are shared with p. Without lessons it is p itself.
func (p *Profile) Taught() *Profile {
	if len(p.Lessons) == 0 {
		return p
	}
	q := *p
	q.Networks.Nodes, q.Agents.Nodes = slices.Clone(p.Networks.Nodes), slices.Clone(p.Agents.Nodes)
	q.Devices, q.Places, q.Moves = slices.Clone(p.Devices), slices.Clone(p.Places), slices.Clone(p.Moves)
	for i := range p.Lessons {
		l := &p.Lessons[i]
		if l.Hostile {
			q.disown(l)
			continue
		}
		share := float64(l.Share) / 1000
		q.Learn(&l.Context, l.At, share)
		if l.Seen.Known() {
			q.LearnSighting(l.Seen, share)
		}
	}
	return &q
}

// disown leaves out what was learned of hostile surroundings.
func (p *Profile) disown(l *Lesson) {
	if i := p.Devices.Find(l.Context.Device); i >= 0 && l.Context.Device != 0 {
		p.Devices = slices.Delete(p.Devices, i, i+1)
	}
	if l.Context.Network[2] != 0 {
		p.Networks.cut(l.Context.Network)
	}
	if l.Seen.Known() {
		if i := p.PlaceNear(l.Seen.Lat, l.Seen.Lon); i >= 0 {
			p.removePlace(i)
		}
	}
}

// Foreign is what of some surroundings is not settled as the user's own at a time; any tells whether there is anything.
func (p *Profile) Foreign(c Context, seen Sighting, t event.Millis) (Context, Sighting, bool) {
	network, device := settled(p.Clock.Scale(t, NetworkHalfLife)), settled(p.Clock.Scale(t, DeviceHalfLife))
	if i := p.Devices.Find(c.Device); i >= 0 && p.Devices[i].Weight >= device {
		c.Device = 0
	}
	parent := -1
	for level := range 3 {
		if key := c.Network[level]; key != 0 {
			if parent = p.Networks.Find(parent, level, key); parent < 0 {
				break
			}
		}
	}
	if parent >= 0 && c.Network[2] != 0 && p.Networks.Nodes[parent].Weight >= network {
		c.Network = Path{}
	}
	if i := p.PlaceNear(seen.Lat, seen.Lon); seen.Known() && i >= 0 && p.Places[i].Weight >= network {
		seen = Sighting{}
	}
	return c, seen, c.Device != 0 || c.Network[2] != 0
}

func settled(unit float64) uint32 { return weigh(Settled-0.5, unit) } // rounding aside

// cut takes a prefix, and what lies below it, out of a tree.
func (t *Tree) cut(path Path) {
	parent := -1
	for level, key := range path[:3] {
		if key == 0 {
			continue
		}
		if parent = t.Find(parent, level, key); parent < 0 {
			return
		}
	}
	for i := len(t.Nodes) - 1; i > parent; i-- {
		if int(t.Nodes[i].Parent) == parent && t.Nodes[i].Parent != NoParent {
			t.remove(i)
		}
	}
	t.remove(parent)
}

func (w *writer) lesson(l *Lesson) {
	flags := byte(0)
	if l.Hostile {
		flags |= 1
	}
	if l.Seen.Known() {
		flags |= 2
	}
	if l.Learned {
		flags |= 4
	}
	w.byte(flags)
	w.fixed64(l.Session)
	w.seconds(l.At)
	w.u(uint64(l.Share))
	w.path(&l.Context.Network)
	w.path(&l.Context.Agent)
	w.optional64(l.Context.Device)
	w.byte(byte(l.Context.Kind))
	if l.Seen.Known() {
		w.sighting(&l.Seen)
	}
	w.held(&l.Held)
}

func (r *reader) lesson() (l Lesson) {
	flags := r.byte()
	if flags > 7 {
		r.fail("lesson")
	}
	l.Learned = flags&4 != 0
	l.Hostile, l.Session, l.At, l.Share = flags&1 != 0, r.fixed64(), r.seconds(), r.u16()
	l.Context = Context{Network: r.path(), Agent: r.path(), Device: r.optional64(), Kind: event.NetworkKind(r.byte())}
	if flags&2 != 0 {
		l.Seen = r.sighting()
	}
	r.held(&l.Held)
	return l
}
