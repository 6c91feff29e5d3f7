package signal

import "github.com/riskd-io/riskd/pkg/risk/event"

// Scope narrows a requirement to what asked for it: whatever else the session does goes on meanwhile. Each part that
// is set matches by itself; the zero value matches everything.
type Scope struct {
	// Action, such as apikey.create.
	Action string
	// ResourceType and ResourceID name one resource. Without an id it is every resource of the type.
	ResourceType, ResourceID string
	// Class matches resources of that sensitivity and above.
	Class event.Sensitivity
}

// Whole tells that the requirement is about the whole session.
func (s Scope) Whole() bool { return s == Scope{} }

// Covers tells whether doing action to r wants what is required.
func (s Scope) Covers(action string, r event.Resource) bool {
	switch {
	case s.Whole():
		return true
	case s.Action != "" && s.Action == action:
		return true
	case s.Class != event.SensUnknown && r.Sensitivity >= s.Class:
		return true
	}
	return s.ResourceType != "" && s.ResourceType == r.Type && (s.ResourceID == "" || s.ResourceID == r.ID)
}

// And is the least scope that covers both. Two actions, or two resources, do not fit into one: that is the
// whole session.
func (s Scope) And(o Scope) Scope {
	switch {
	case s.Whole() || o.Whole():
		return Scope{}
	case s.Action != "" && o.Action != "" && s.Action != o.Action:
		return Scope{}
	case s.ResourceType != "" && o.ResourceType != "" && (s.ResourceType != o.ResourceType || s.ResourceID != o.ResourceID):
		return Scope{}
	}
	if s.Action == "" {
		s.Action = o.Action
	}
	if s.ResourceType == "" {
		s.ResourceType, s.ResourceID = o.ResourceType, o.ResourceID
	}
	if s.Class == event.SensUnknown || o.Class != event.SensUnknown && o.Class < s.Class {
		s.Class = o.Class
	}
	return s
}
