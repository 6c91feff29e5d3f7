package simulate

import (
	"net/netip"
)

// company is a tenant: how its apps behave. Shares add up to 1.
type company struct {
	name  string
	share float64
	// token says when the app gives a browser its device token.
	token tokenStyle
	// rtt: the app measures round trips, from a data centre in this country.
	rtt string
	// exit: people outside the office go through the company's own VPN.
	exit bool
	// sensitive: resources carry their class.
	sensitive bool
}

type tokenStyle uint8

const (
	tokenBefore tokenStyle = iota // set with the login page: the first login has it
	tokenAfter                    // set once logged in: the first login has none
	tokenNever
)

var companies = []company{
	{name: "acme", share: 0.42, token: tokenBefore, rtt: "US", sensitive: true},
	{name: "globex", share: 0.28, token: tokenAfter, sensitive: true},
	{name: "umbrella", share: 0.18, token: tokenBefore, exit: true, rtt: "DE", sensitive: true},
	{name: "initech", share: 0.12, token: tokenNever, sensitive: true},
}

// office is one site of a company behind its own few addresses.
type office struct {
	company   int
	city      int
	addrs     []netip.Addr
	net       network
	terminals []*device
}

const officesPerCompany = 6

// found draws the companies' sites and, for those with one, the company's VPN exit.
func (w *World) found() {
	for ci := range companies {
		for k := range officesPerCompany {
			r := newRNG(w.cfg.Seed, 0x0FF1CE, uint64(ci), uint64(k))
			c := w.atlas.drawCity(&r, "")
			o := office{company: ci, city: c}
			isps := w.atlas.cities[c].isps
			o.net = pick(&r, isps[r.below(min(2, len(isps)))].v4)
			for range 1 + r.below(3) {
				o.addrs = append(o.addrs, hostIn(&r, o.net.prefix))
			}
			for range 8 {
				o.terminals = append(o.terminals, w.newDevice(&r, false))
			}
			w.offices = append(w.offices, o)
		}
	}
}
