package decision

import (
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// Scope says which part of an event wants proof, and so what waits for it. It is a set; none of them is the whole session.
type Scope uint8

// What a demand may be about.
const (
	// OfClass: resources of the event's class and above.
	OfClass Scope = 1 << iota
	// OfAction: the event's action, whatever it is done to.
	OfAction
	// OfResource: the event's resource, whatever is done to it.
	OfResource
)

// And is what two demands on the same event are about. The whole session is the greater.
func (s Scope) And(o Scope) Scope {
	if s == 0 || o == 0 {
		return 0
	}
	return s | o
}

// Of names it for an event. What the event does not say, or what is too long to keep, makes it the whole session.
func (s Scope) Of(ev *event.Event) signal.Scope {
	var out signal.Scope
	if s&OfClass != 0 {
		out.Class = ev.Resource.Sensitivity
	}
	if s&OfAction != 0 {
		out.Action = ev.Action
	}
	if s&OfResource != 0 {
		out.ResourceType, out.ResourceID = ev.Resource.Type, ev.Resource.ID
	}
	lost := s&OfClass != 0 && out.Class == event.SensUnknown || s&OfAction != 0 && out.Action == "" ||
		s&OfResource != 0 && out.ResourceType == ""
	if lost || max(len(out.Action), len(out.ResourceType), len(out.ResourceID)) > maxScopeText {
		return signal.Scope{}
	}
	return out
}

// maxScopeText bounds what a profile keeps of a name, bytes. A name cut short would match nothing.
const maxScopeText = 256
