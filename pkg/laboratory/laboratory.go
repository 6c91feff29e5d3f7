// Package laboratory measures how well riskd tells thieves from owners, beside the published
// methods and the rules people write by hand, all on the same stream of logins.
//
// It is not part of the running system: nothing of it is imported by a role. Values are not
// safe for concurrent use; run one [Comparator] per goroutine.
package laboratory

import "github.com/riskd-io/riskd/pkg/risk/event"

// Comparator is a method under test. Logins come in time order: first Score, then Learn.
type Comparator interface {
	// Name as printed in tables.
	Name() string
	// Score says how suspicious the login is; higher is riskier. The unit is the method's own,
	// only the order counts. It must not change what the method knows.
	Score(ev *event.Event) float64
	// Learn takes the login into the user's history, as one that turned out to be the owner's.
	Learn(ev *event.Event)
}

// userKey tells users of different tenants apart.
type userKey struct{ tenant, user string }

func keyOf(ev *event.Event) userKey { return userKey{ev.Tenant, ev.User.ID} }

// ipKey is the address as an identity: IPv4 whole, IPv6 by its /64, since the lower half is
// the device's own choice.
func ipKey(ev *event.Event) string {
	ip := ev.Network.IP
	if !ip.IsValid() {
		return ""
	}
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		return p.String()
	}
	return ip.String()
}
