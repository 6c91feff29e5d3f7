package simulate

import (
	"net/netip"
	"time"
)

// trip is a stay away from home.
type trip struct {
	city     int
	from, to int64 // departure from home, arrival back there
	line     line  // hotel, rented flat, family
	business bool
}

func (t *trip) active(at int64) bool { return t.to > at }

// maybeLeave decides whether a trip begins today.
func (d *dayPlan) maybeLeave(midnight int64, weekday int) {
	p, r := d.p, d.r
	rate := 1.0 / 75
	switch p.world {
	case Travellers:
		rate = 1.0 / 9
	case Office, Shift:
		rate = 1.0 / 160
	}
	if !r.chance(rate) || d.at < p.joined+2*day {
		return
	}
	t := trip{business: weekday < 5 && r.chance(0.65)}
	code := ""
	if r.chance(0.55) {
		code = d.w.atlas.cities[p.home].country
	}
	t.city = d.w.atlas.drawCity(r, code)
	if t.business && r.chance(0.4) {
		t.city = d.w.offices[p.company*officesPerCompany+r.below(officesPerCompany)].city
	}
	if d.w.atlas.km(p.home, t.city) < 120 {
		return
	}
	nights := r.between(1, 4)
	if !t.business {
		nights = r.between(3, 14)
	}
	t.from = midnight + r.between(7*60, 17*60)*minute
	t.to = t.from + nights*day + r.between(-180, 240)*minute
	t.line = d.w.guestLine(r, t.city)
	p.away = t
}

// ride is how long the journey takes and whether there is a plane in it.
func (w *World) ride(a, b int) (total, before int64, plane bool) {
	km := w.atlas.km(a, b)
	if km < 420 { // train or car, door to door
		return int64(km/95*60)*minute + 35*minute, 0, false
	}
	air := int64(km/820*60)*minute + 40*minute
	if km > 9000 {
		air += 150 * minute // a connection
	}
	return air, 125 * minute, true
}

func (d *dayPlan) outbound() int64 {
	p := d.p
	arrive := d.journey(d.at, p.home, p.away.city, p.away.from, p.line)
	d.busyFrom(p.away.from-3*hour, p.away.from-2*hour, arrive+hour, arrive+3*hour)
	morning := d.settle(p.away.city, arrive, p.away.line, "trip")
	p.away.to = max(p.away.to, morning+8*hour) // nobody turns round at the gate
	return morning
}

func (d *dayPlan) homeward() int64 {
	p := d.p
	arrive := d.journey(d.at, p.away.city, p.home, p.away.to-6*hour, p.away.line)
	p.away.to = arrive
	return d.settle(p.home, arrive, p.line, "")
}

// settle ends a travel day at the new place and returns its next local 04:00.
func (d *dayPlan) settle(city int, arrive int64, l line, note string) int64 {
	t := time.UnixMilli(arrive).In(d.w.atlas.cities[city].zone)
	morning := time.Date(t.Year(), t.Month(), t.Day(), 4, 0, 0, 0, t.Location()).UnixMilli()
	for morning <= arrive {
		morning += day
	}
	kind := onTrip
	if note == "" {
		kind = atHome
	}
	d.add(arrive, morning, city, kind, l, note)
	return morning
}

// journey goes from a to b: to the station or airport, the ride, and in from the other end.
func (d *dayPlan) journey(at int64, a, b int, depart int64, from line) (arrive int64) {
	const note = "trip"
	depart = max(depart, at+20*minute)
	total, before, plane := d.w.ride(a, b)
	d.add(at, depart, a, atHome, from, "")
	if !plane {
		d.add(depart, depart+total, b, onTheMove, line{}, note)
		return depart + total
	}
	board := depart + before
	d.add(depart, board, a, onTheMove, line{}, note)
	if planes := d.w.atlas.planes; len(planes) > 0 && d.r.chance(0.25) { // wifi on board
		n := pick(d.r, planes)
		l := line{net: n, v4: hostIn(d.r, n.prefix)}
		if !n.prefix.Addr().Is4() {
			l.v4 = netip.Addr{}
			l.net6, l.v6 = n, subnet64(d.r, n.prefix)
		}
		d.add(board, board+total, b, inPlane, l, "plane")
	} else {
		d.add(board, board+total, b, offline, line{}, "plane")
	}
	landed := board + total
	d.add(landed, landed+50*minute, b, onTheMove, line{}, note)
	return landed + 50*minute
}
