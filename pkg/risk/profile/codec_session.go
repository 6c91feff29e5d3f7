package profile

import (
	"math/bits"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// What a session holds beyond the ordinary is marked by flags, so that a quiet one is small.
const (
	flagLearned = 1 << iota
	flagSeen
	flagHeld
	flagProof
	flagChallenge
	flagAllowOnExpiry
	flagNovel
	// The surroundings are those of the session before in this list.
	flagSameNetwork
	flagSameAgent
	flagSameDevice
	flagScope
	flagRevoked
	flagEnd
)

func (w *writer) session(s *Session, before *Context) {
	var flags uint64
	set := func(on bool, f uint64) {
		if on {
			flags |= f
		}
	}
	set(s.Learned, flagLearned)
	set(s.Seen.Known(), flagSeen)
	set(s.Held != Held{}, flagHeld)
	set(s.Proof != Proof{}, flagProof)
	set(s.Challenge.ID != "", flagChallenge)
	set(s.Challenge.AllowOnExpiry, flagAllowOnExpiry)
	set(!s.Challenge.Scope.Whole(), flagScope)
	set(s.Challenge.Revoked, flagRevoked)
	set(len(s.Novel) > 0, flagNovel)
	set(s.Context.Network == before.Network, flagSameNetwork)
	set(s.Context.Agent == before.Agent, flagSameAgent)
	set(s.Context.Device == before.Device && s.Context.Kind == before.Kind, flagSameDevice)
	w.u(flags)
	w.fixed64(s.Key)
	w.byte(byte(s.State)<<4 | s.Level)
	w.seconds(s.Start)
	w.seconds(s.Last)
	w.millis(s.Since)
	w.u(uint64(s.Peak))
	w.u(uint64(s.LastAction))
	if flags&flagSameNetwork == 0 {
		w.path(&s.Context.Network)
	}
	if flags&flagSameAgent == 0 {
		w.path(&s.Context.Agent)
	}
	if flags&flagSameDevice == 0 {
		w.optional64(s.Context.Device)
		w.byte(byte(s.Context.Kind))
	}
	if flags&flagNovel != 0 {
		w.n(len(s.Novel))
		for _, k := range s.Novel {
			w.fixed32(k)
		}
	}
	if flags&flagSeen != 0 {
		w.sighting(&s.Seen)
	}
	if flags&flagHeld != 0 {
		w.held(&s.Held)
	}
	if flags&flagProof != 0 {
		w.byte(s.Proof.Level)
		w.millis(s.Proof.At)
		w.fixed32(s.Proof.Runtime)
		w.optional64(s.Proof.Device)
	}
	if flags&flagChallenge != 0 {
		w.text(s.ID)
		w.challenge(&s.Challenge)
	}
	if flags&flagScope != 0 {
		w.scope(&s.Challenge.Scope)
	}
}

// session reads into s, which may hold memory to reuse. before is what surrounded the session before it.
func (r *reader) session(s *Session, before *Context) {
	*s = Session{Novel: s.Novel[:0]}
	flags := r.u()
	if r.first && flags >= flagSameNetwork || flags >= flagEnd {
		r.fail("session flags")
		return
	}
	s.Learned = flags&flagLearned != 0
	s.Key = r.fixed64()
	b := r.byte()
	s.State, s.Level = State(b>>4), b&15
	if s.State > Expired || s.Level > 2 {
		r.fail("session state")
	}
	s.Start, s.Last, s.Since = r.seconds(), r.seconds(), r.millis()
	s.Peak = r.u16()
	s.LastAction = r.u32()
	s.Context = *before
	if flags&flagSameNetwork == 0 {
		s.Context.Network = r.path()
	}
	if flags&flagSameAgent == 0 {
		s.Context.Agent = r.path()
	}
	if flags&flagSameDevice == 0 {
		s.Context.Device = r.optional64()
		s.Context.Kind = event.NetworkKind(r.byte())
	}
	if flags&flagNovel != 0 {
		for range r.n(MaxNovel) {
			s.Novel = append(s.Novel, r.fixed32())
		}
	}
	if flags&flagSeen != 0 {
		s.Seen = r.sighting()
	}
	if flags&flagHeld != 0 {
		r.held(&s.Held)
	}
	if flags&flagProof != 0 {
		s.Proof = Proof{Level: r.byte(), At: r.millis(), Runtime: r.fixed32(), Device: r.optional64()}
	}
	if flags&flagChallenge != 0 {
		s.ID = r.text(MaxText)
		r.challenge(&s.Challenge)
		s.Challenge.AllowOnExpiry = flags&flagAllowOnExpiry != 0
		s.Challenge.Revoked = flags&flagRevoked != 0
	}
	if flags&flagScope != 0 {
		r.scope(&s.Challenge.Scope)
	}
}

func (w *writer) optional64(v uint64) {
	if v == 0 {
		w.byte(0)
		return
	}
	w.byte(1)
	w.fixed64(v)
}

func (r *reader) optional64() uint64 {
	if r.byte() == 0 {
		return 0
	}
	return r.fixed64()
}

// fields lists held evidence in the order of the encoding.
func (h *Held) fields() [10]*Milli {
	return [10]*Milli{&h.Travel, &h.Switch, &h.Failures, &h.Activity, &h.Network, &h.Agent, &h.Token, &h.KnownDevice, &h.Known, &h.Again}
}

func (w *writer) held(h *Held) {
	w.seconds(h.At)
	fields, set := h.fields(), uint64(0)
	for i, f := range fields {
		if *f != 0 {
			set |= 1 << i
		}
	}
	w.u(set)
	for ; set != 0; set &= set - 1 {
		w.z(int64(*fields[bits.TrailingZeros64(set)]))
	}
}

func (r *reader) held(h *Held) {
	h.At = r.seconds()
	set := r.u()
	fields := h.fields()
	if bits.Len64(set) > len(fields) {
		r.fail("held evidence")
		return
	}
	for ; set != 0; set &= set - 1 {
		*fields[bits.TrailingZeros64(set)] = Milli(r.z32())
	}
}

func (w *writer) challenge(c *Challenge) {
	w.text(c.ID)
	w.u(c.Revision)
	w.millis(c.Issued)
	w.millis(c.Expires)
	w.u(uint64(c.Score))
	w.byte(c.Level)
	w.text(c.AMR)
	w.u(uint64(c.MaxAge))
	w.byte(c.Failures)
	w.text(c.Rule)
	w.text(c.Reasons)
}

func (r *reader) challenge(c *Challenge) {
	c.ID = r.text(MaxText)
	c.Revision = r.u()
	c.Issued, c.Expires = r.millis(), r.millis()
	c.Score = r.u16()
	c.Level = r.byte()
	c.AMR = r.text(MaxText)
	c.MaxAge = r.u32()
	c.Failures = r.byte()
	c.Rule = r.text(MaxText)
	c.Reasons = r.text(MaxText)
}

func (w *writer) scope(s *signal.Scope) {
	w.byte(byte(s.Class))
	w.text(s.Action)
	w.text(s.ResourceType)
	w.text(s.ResourceID)
}

func (r *reader) scope(s *signal.Scope) {
	s.Class = event.Sensitivity(r.byte())
	if s.Class > event.Critical {
		r.fail("challenge scope")
	}
	s.Action, s.ResourceType, s.ResourceID = r.text(MaxText), r.text(MaxText), r.text(MaxText)
}
