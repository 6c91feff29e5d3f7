package simulate

import (
	"net/netip"
	"strconv"
)

// newcomersDays: whoever joins late has joined by then.
const newcomersDays = 60

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
)

type role uint8

const (
	engineer role = iota
	sales
	finance
	support
	people
	admin
	machine // a service account
	numRoles
)

var roleShares = [numRoles]float64{engineer: 28, sales: 22, finance: 10, support: 24, people: 6, admin: 3}

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

type person struct {
	idx     int
	id      string
	company int
	world   string
	role    role
	home    int // city
	office  int // index of World.offices, -1 none
	homeISP *isp
	line    line // at home
	carrier *isp // nil where phones are on the city's ordinary operators
	devices []*device
	passkey bool
	relay   bool
	vpn     []network // favourite exits

	joined   int64 // first day, Unix milliseconds of its local 04:00
	startMin int64 // usual start of work, minutes after local midnight
	workMin  int64
	homeDays uint8 // weekdays worked at home, bit 0 = Monday
	workDays uint8
	away     trip
	segs     []segment
	logins   int
}

// line is an internet connection: one IPv4 address and perhaps an IPv6 prefix.
type line struct {
	net   network
	v4    netip.Addr
	net6  network
	v6    netip.Prefix // /64, invalid when there is none
	until int64        // when the operator renumbers it
}

type device struct {
	platform platform
	token    string
	lag      int64 // days a browser update takes to arrive
	agent    string
	agentDay int64
	shared   bool
	isNew    bool
	lost     bool
	session  *session
	seed     uint64
}

// session is one login on one device.
type session struct {
	id      string
	auth    int64
	acr     string
	amr     []string
	last    int64
	expires int64
	proven  int64 // last second factor
}

var (
	pwd    = []string{"pwd"}
	pwdOTP = []string{"pwd", "otp"}
	pwdHWK = []string{"pwd", "hwk", "user"}
)

var mixedShares = []struct {
	world string
	share float64
}{{Ordinary, 52}, {Office, 14}, {MobileOnly, 8}, {IPv6, 8}, {Shift, 7}, {Travellers, 5}, {VPNUsers, 6}}

func (w *World) newPerson(i int) *person {
	r := newRNG(w.cfg.Seed, 0x9E0913, uint64(i))
	p := &person{idx: i, id: "u" + strconv.FormatUint(1_000_000+uint64(i), 10)[1:], world: w.cfg.World, office: -1}
	if p.world == Mixed {
		weights := make([]float64, len(mixedShares))
		for k, m := range mixedShares {
			weights[k] = m.share
		}
		p.world = mixedShares[r.weighted(weights)].world
	}
	x := r.float()
	for ci, c := range companies {
		p.company = ci
		if x -= c.share; x < 0 {
			break
		}
	}
	p.role = role(r.weighted(roleShares[:]))
	if r.chance(0.006) && p.world == Ordinary {
		p.role = machine
		p.id = "svc-" + p.id[1:]
	}
	// Two thirds live near an office, the others anywhere.
	o := p.company*officesPerCompany + r.below(officesPerCompany)
	if p.world == Office {
		o = p.company * officesPerCompany
	}
	p.home = w.offices[o].city
	switch {
	case p.world == Office || p.world == Shift || r.chance(0.62):
		p.office = o
		if r.chance(0.3) {
			p.home = w.neighbour(&r, p.home)
		}
	default:
		code := ""
		if r.chance(0.5) {
			code = w.atlas.cities[p.home].country
		}
		p.home = w.atlas.drawCity(&r, code)
	}
	home := &w.atlas.cities[p.home]
	p.homeISP = w.drawISP(&r, p)
	p.renew(&r, 0)
	if carriers := w.atlas.countries[home.country].carriers; len(carriers) > 0 {
		p.carrier = &carriers[r.below(len(carriers))]
	}
	p.passkey = r.chance(0.35)

	// Newcomers: most histories begin in the first days, some later.
	span := (w.end - w.cfg.Start.UnixMilli()) / day
	join := int64(0)
	if r.chance(0.25) {
		join = r.between(1, max(1, min(span*2/3, newcomersDays)))
	} else {
		join = r.between(0, min(2, span/4))
	}
	p.joined = join

	p.startMin = r.around(8*60+40, 100)
	p.workMin = r.around(8*60+10, 70)
	p.workDays = 0b0011111
	if r.chance(0.07) { // part time
		p.workDays &^= 1 << r.below(5)
	}
	if p.office < 0 {
		p.homeDays = 0b1111111
	} else if p.world != Office && p.world != Shift {
		for range r.below(3) {
			p.homeDays |= 1 << r.below(5)
		}
	}
	w.equip(&r, p)
	if p.world == VPNUsers {
		p.vpn = append(p.vpn, pick(&r, w.atlas.countries[home.country].tunnels))
		for range 1 + r.below(3) {
			c := w.atlas.cities[w.atlas.drawCity(&r, "")].country
			p.vpn = append(p.vpn, pick(&r, w.atlas.countries[c].tunnels))
		}
	}
	return p
}

func (w *World) equip(r *rng, p *person) {
	switch {
	case p.role == machine:
		d := w.newDevice(r, false)
		d.agent, d.agentDay = pick(r, machineAgents), 1<<40
		p.devices = []*device{d}
		return
	case p.world == MobileOnly:
	default:
		p.devices = append(p.devices, w.newDevice(r, false))
		if r.chance(0.18) { // a second computer at home
			p.devices = append(p.devices, w.newDevice(r, false))
		}
	}
	if p.world == MobileOnly || r.chance(0.85) {
		p.devices = append(p.devices, w.newDevice(r, true))
	}
	for _, d := range p.devices {
		if (d.platform == iosSafari || d.platform == macSafari) && r.chance(0.2) {
			p.relay = true
		}
	}
}

var machineAgents = []string{"python-requests/2.32.5", "Go-http-client/2.0", "axios/1.12.2", "Apache-HttpClient/5.4.4 (Java/21.0.8)"}

func (w *World) newDevice(r *rng, phone bool) *device {
	d := &device{platform: drawPlatform(r, phone), seed: r.next()}
	d.lag = r.between(0, 9)
	if r.chance(0.06) { // never updates
		d.lag += r.between(60, 300)
	}
	d.token = "d_" + hex(r.next(), 16)
	return d
}

func (d *device) agentAt(at int64) string {
	if today := at / day; today > d.agentDay {
		d.agent, d.agentDay = agentString(d.platform, today, d.lag), today
	}
	return d.agent
}

// drawISP prefers the larger operators of the city; those who need IPv6 look for one that has it.
func (w *World) drawISP(r *rng, p *person) *isp {
	isps := w.atlas.cities[p.home].isps
	if p.world == IPv6 {
		for range 4 {
			for i := range isps {
				if len(isps[i].v6) > 0 {
					return &isps[i]
				}
			}
			p.home = w.atlas.drawCity(r, "")
			isps = w.atlas.cities[p.home].isps
		}
	}
	weights := make([]float64, len(isps))
	for i := range isps {
		weights[i] = float64(len(isps[i].v4) + len(isps[i].v6))
	}
	return &isps[r.weighted(weights)]
}

// renew gives the home line its addresses, as an operator does every few weeks or months.
func (p *person) renew(r *rng, at int64) {
	p.line.net = pick(r, p.homeISP.v4)
	p.line.v4 = hostIn(r, p.line.net.prefix)
	p.line.v6 = netip.Prefix{}
	if len(p.homeISP.v6) > 0 && (p.world == IPv6 || r.chance(0.45)) {
		p.line.net6 = pick(r, p.homeISP.v6)
		p.line.v6 = subnet64(r, p.line.net6.prefix)
	}
	days := r.between(20, 120)
	if p.world == IPv6 { // some operators renumber every few days
		days = r.between(1, 20)
	}
	p.line.until = at + days*day
}

func subnet64(r *rng, p netip.Prefix) netip.Prefix {
	if p.Bits() >= 64 {
		return netip.PrefixFrom(p.Addr(), 64).Masked()
	}
	return netip.PrefixFrom(fill6(r, p, 64), 64)
}

// neighbour is a city within commuting distance, or the same one.
func (w *World) neighbour(r *rng, c int) int {
	near := []int{c}
	for _, i := range w.atlas.countries[w.atlas.cities[c].country].cities {
		if i != c && w.atlas.km(i, c) < 70 {
			near = append(near, i)
		}
	}
	return pick(r, near)
}

func hex(v uint64, digits int) string {
	const set = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = set[v>>(60-4*i)&15]
	}
	return string(b[:digits])
}
