package wire

import (
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"google.golang.org/protobuf/proto"
)

// recycle empties ev and keeps its memory. Parts that stay allocated are empty, which everywhere
// means the same as absent.
func recycle(ev *riskdv1.Event) {
	user, session, device, network := ev.User, ev.Session, ev.Device, ev.Network
	agent, resource, attributes := ev.Http, ev.Resource, ev.Attributes
	enforcement, feedback := ev.Enforcement, ev.Feedback
	ev.Reset()
	if user != nil {
		user.Reset()
		ev.User = user
	}
	if session != nil {
		amr := session.Amr
		clear(amr)
		session.Reset()
		session.Amr = amr[:0]
		ev.Session = session
	}
	if device != nil {
		device.Reset()
		ev.Device = device
	}
	if network != nil {
		geo := network.Geo
		network.Reset()
		if geo != nil {
			geo.Reset()
			network.Geo = geo
		}
		ev.Network = network
	}
	if agent != nil {
		agent.Reset()
		ev.Http = agent
	}
	if resource != nil {
		resource.Reset()
		ev.Resource = resource
	}
	clear(attributes)
	ev.Attributes = attributes
	if enforcement != nil {
		enforcement.Reset()
		ev.Enforcement = enforcement
	}
	if feedback != nil {
		feedback.Reset()
		ev.Feedback = feedback
	}
}

// dropUnknown forgets fields of newer or foreign schemas, so that nothing unread is stored.
func dropUnknown(ev *riskdv1.Event) {
	forget(ev)
	if ev.User != nil {
		forget(ev.User)
	}
	if ev.Session != nil {
		forget(ev.Session)
	}
	if ev.Device != nil {
		forget(ev.Device)
	}
	if ev.Network != nil {
		forget(ev.Network)
		if ev.Network.Geo != nil {
			forget(ev.Network.Geo)
		}
	}
	if ev.Http != nil {
		forget(ev.Http)
	}
	if ev.Resource != nil {
		forget(ev.Resource)
	}
	if ev.Enforcement != nil {
		forget(ev.Enforcement)
	}
	if ev.Feedback != nil {
		forget(ev.Feedback)
	}
}

func forget(m proto.Message) {
	if r := m.ProtoReflect(); len(r.GetUnknown()) > 0 {
		r.SetUnknown(nil)
	}
}
