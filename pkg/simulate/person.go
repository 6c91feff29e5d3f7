package simulate

import (
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
