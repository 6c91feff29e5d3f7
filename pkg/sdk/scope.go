package sdk

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// scope is what a requirement is about. Each part that is set matches by itself. nil is the whole session.
type scope struct {
	action, resourceType, resourceID string
	class                            int // resources of this rank and above; 0: none
}

// rank orders what a resource can do in the wrong hands; what is not known is the least.
func (s Sensitivity) rank() int {
	switch s {
	case Public:
		return 1
	case Internal:
		return 2
	case Restricted:
		return 3
	case Critical:
		return 4
	}
	return 0
}

// newScope reads a signal's scope. What this version does not understand is the whole session.
func newScope(pb *riskdv1.Scope) *scope {
	s := scope{
		action: pb.GetAction(), resourceType: pb.GetResourceType(), resourceID: pb.GetResourceId(), class: Sensitivity(pb.GetSensitivity()).rank(),
	}
	if s == (scope{}) || s.class == 0 && pb.GetSensitivity() != "" {
		return nil
	}
	return &s
}

func (s *scope) covers(action string, r Resource) bool {
	return s == nil ||
		s.action != "" && s.action == action ||
		s.class > 0 && r.Sensitivity.rank() >= s.class ||
		s.resourceType != "" && s.resourceType == r.Type && (s.resourceID == "" || s.resourceID == r.ID)
}
