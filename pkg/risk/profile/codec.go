package profile

import (
	"errors"
	"fmt"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// The version starts every encoded profile. Decoders read all versions ever written.
const (
	// codecFirst wrote the surroundings of every session out.
	codecFirst = 1
	// codecVersion says when they are those of the session before, as they nearly always are.
	codecVersion = 2
)

// ErrCorrupt is what decoding anything but an encoded profile gives; wrapped with the place.
var ErrCorrupt = errors.New("corrupt profile")

// AppendBinary appends p in its compact form. Equal profiles give equal bytes.
func (p *Profile) AppendBinary(dst []byte) []byte {
	w := writer{b: append(dst, codecVersion), mark: p.Watermark}
	w.u(uint64(p.Watermark))
	w.seconds(p.First)
	w.z(int64(p.Clock.Epoch / day))
	w.u(uint64(p.Events))
	w.u(uint64(p.Logins))
	w.tree(&p.Networks)
	w.tree(&p.Agents)
	w.n(len(p.Devices))
	for i := range p.Devices {
		d := &p.Devices[i]
		w.fixed64(d.Token)
		w.fixed32(d.Agent)
		w.u(uint64(d.Weight))
	}
	w.hours(&p.Hours)
	w.counts(p.Actions.Single)
	w.counts(p.Actions.Pair)
	w.rate(&p.Rate)
	w.volume(p.Volume)
	w.volume(p.RTT)
	w.n(len(p.Places))
	for i := range p.Places {
		w.sighting(&p.Places[i].Sighting)
		w.seconds(p.Places[i].Since)
		w.u(uint64(p.Places[i].Weight))
	}
	w.n(len(p.Moves))
	for _, m := range p.Moves {
		w.byte(m.A)
		w.byte(m.B)
		w.u(uint64(m.Weight))
	}
	w.n(len(p.Sessions))
	before := new(Context)
	for i := range p.Sessions {
		w.session(&p.Sessions[i], before)
		before = &p.Sessions[i].Context
	}
	w.n(len(p.Failures))
	for _, f := range p.Failures {
		w.fixed32(f.Source)
		w.u(uint64(f.Count))
		w.seconds(f.At)
	}
	w.n(len(p.Prompts))
	for _, t := range p.Prompts {
		w.millis(t)
	}
	w.n(len(p.Recent.ids))
	last := p.Watermark / 1000
	for i, id := range p.Recent.ids {
		w.b = append(w.b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24), byte(id>>32))
		t := p.Recent.times[i] / 1000
		w.z(int64(t - last)) // mostly a few seconds
		last = t
	}
	if len(p.Counters) > 0 {
		w.byte(tagCounters)
		w.n(len(p.Counters))
		for i := range p.Counters {
			w.counter(&p.Counters[i])
		}
	}
	if len(p.Lessons) > 0 {
		w.byte(tagLessons)
		w.n(len(p.Lessons))
		for i := range p.Lessons {
			w.lesson(&p.Lessons[i])
		}
	}
	return w.b
}

// Parts that few profiles have follow the others under a tag, in the order of the tags, and are left out when empty.
const (
	tagCounters = 1
	tagLessons  = 2
)

// Decode reads what AppendBinary wrote into p, reusing its memory. On an error p is Reset.
// data is not kept.
func Decode(data []byte, p *Profile) error { return new(Decoder).Decode(data, p) }

// Decoder decodes profiles one after the other. It knows the texts it has seen lately (names of places, mostly), so that
// they cost no memory of their own. Not safe for concurrent use.
type Decoder struct {
	texts map[string]string
}

// maxTexts bounds what a Decoder remembers; beyond it, it starts anew.
const maxTexts = 4096

func (d *Decoder) text(b []byte) string {
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	if len(d.texts) >= maxTexts {
		clear(d.texts)
	}
	if d.texts == nil {
		d.texts = make(map[string]string)
	}
	s := string(b)
	d.texts[s] = s
	return s
}

// Decode is like the function of that name.
func (d *Decoder) Decode(data []byte, p *Profile) error {
	p.Reset()
	r := reader{b: data, texts: d}
	v := r.byte()
	if r.first = v == codecFirst; r.err == nil && !r.first && v != codecVersion {
		return fmt.Errorf("decoding profile: version %d: %w", v, ErrCorrupt)
	}
	p.Watermark = event.Millis(r.u())
	r.mark = p.Watermark
	p.First = r.seconds()
	p.Clock.Epoch = event.Millis(r.z()) * day
	p.Events = r.u32()
	p.Logins = r.u32()
	r.tree(&p.Networks, MaxNetworks)
	r.tree(&p.Agents, MaxAgents)
	for range r.n(MaxDevices) {
		p.Devices = append(p.Devices, Device{Token: r.fixed64(), Agent: r.fixed32(), Weight: r.u32()})
	}
	r.hours(&p.Hours)
	p.Actions.Single = r.counts(p.Actions.Single)
	p.Actions.Pair = r.counts(p.Actions.Pair)
	r.rate(&p.Rate)
	p.Volume = r.volume()
	p.RTT = r.volume()
	for range r.n(MaxPlaces) {
		p.Places = append(p.Places, Place{Sighting: r.sighting(), Since: r.seconds(), Weight: r.u32()})
	}
	for range r.n(MaxMoves) {
		m := Move{A: r.byte(), B: r.byte(), Weight: r.u32()}
		if int(m.A) >= len(p.Places) || int(m.B) >= len(p.Places) || m.A >= m.B {
			r.fail("move")
		}
		p.Moves = append(p.Moves, m)
	}
	around := new(Context)
	for range r.n(MaxSessions) {
		if n := len(p.Sessions); n < cap(p.Sessions) {
			p.Sessions = p.Sessions[:n+1]
		} else {
			p.Sessions = append(p.Sessions, Session{})
		}
		s := &p.Sessions[len(p.Sessions)-1]
		r.session(s, around)
		around = &s.Context
	}
	for range r.n(MaxFailures) {
		p.Failures = append(p.Failures, Failure{Source: r.fixed32(), Count: r.u16(), At: r.seconds()})
	}
	for range r.n(MaxPrompts) {
		p.Prompts = append(p.Prompts, r.millis())
	}
	last := p.Watermark / 1000
	for range r.n(MaxRecent) {
		p.Recent.ids = append(p.Recent.ids, uint64(r.fixed32())|uint64(r.byte())<<32)
		last += event.Millis(r.z())
		p.Recent.times = append(p.Recent.times, last*1000)
	}
	if r.err == nil && r.i < len(r.b) && r.b[r.i] == tagCounters {
		r.byte()
		for range r.n(MaxCounters) {
			p.Counters = append(p.Counters, r.counter())
		}
		if len(p.Counters) == 0 {
			r.fail("counters")
		}
	}
	if r.err == nil && r.i < len(r.b) && r.b[r.i] == tagLessons {
		r.byte()
		for range r.n(MaxLessons) {
			p.Lessons = append(p.Lessons, r.lesson())
		}
		if len(p.Lessons) == 0 {
			r.fail("lessons")
		}
	}
	if r.err == nil && len(r.b) != r.i {
		r.fail("end")
	}
	if r.err != nil {
		p.Reset()
		return fmt.Errorf("decoding profile: %w", r.err)
	}
	return nil
}
