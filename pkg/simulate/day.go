package simulate

import (
	"time"
)

// segment is a stretch of a day in one place on one connection.
type segment struct {
	from, to int64
	city     int
	// wifi is the connection there; its v4 is invalid where there is only the phone's own.
	wifi line
	// cell is the phone's own connection.
	cell line
	note string
	kind placeKind
}

type placeKind uint8

const (
	atHome placeKind = iota
	atWork
	onTheMove
	onTrip
	inPlane
	offline
)

// firstDay is the local 04:00 at which this person's account begins.
func (p *person) firstDay(w *World) int64 {
	zone := w.atlas.cities[p.home].zone
	t := w.cfg.Start.In(zone)
	first := time.Date(t.Year(), t.Month(), t.Day(), 4, 0, 0, 0, zone).UnixMilli()
	if first < w.cfg.Start.UnixMilli() {
		first += day
	}
	p.joined = first + p.joined*day
	return p.joined
}

// step plans one day and returns when the next begins.
func (p *person) step(w *World, at int64) int64 {
	r := newRNG(w.cfg.Seed, 0xDA1, uint64(p.idx), uint64(at/hour))
	if p.role == machine {
		w.schedule(at+r.between(0, hour), &job{p: p, r: r})
		return 0
	}
	if at > p.line.until {
		p.renew(&r, at)
	}
	p.devicesChange(w, &r)
	plan := dayPlan{w: w, p: p, r: &r, at: at}
	next := plan.make()
	plan.work()
	return next
}

type dayPlan struct {
	w    *World
	p    *person
	r    *rng
	at   int64
	busy []segment // where there is work to do at a computer
}

func (d *dayPlan) add(from, to int64, city int, kind placeKind, wifi line, note string) {
	if to <= from {
		return
	}
	d.p.segs = append(d.p.segs, segment{from: from, to: to, city: city, kind: kind, wifi: wifi, cell: d.cell(city), note: note})
}

// make lays out the day and returns the next local 04:00.
func (d *dayPlan) make() int64 {
	p := d.p
	p.segs = p.segs[:0]
	city := p.home
	if p.away.active(d.at) && d.at > p.away.from {
		city = p.away.city
	}
	midnight, weekday := d.local(city)
	next := d.morning(city, 1)
	if !p.away.active(d.at) {
		d.maybeLeave(midnight, weekday)
	}
	switch {
	case p.away.active(d.at) && p.away.from >= d.at && p.away.from < next:
		return d.outbound()
	case p.away.active(d.at) && p.away.to < next:
		return d.homeward()
	case p.away.active(d.at) && d.at > p.away.from:
		d.day(city, midnight, weekday, next, p.away.line, "trip")
	case p.world == Shift:
		d.shift(midnight, weekday, next)
	default:
		d.day(city, midnight, weekday, next, p.line, "")
	}
	return next
}

func (d *dayPlan) local(city int) (midnight int64, weekday int) {
	t := time.UnixMilli(d.at).In(d.w.atlas.cities[city].zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location()).UnixMilli(), (int(t.Weekday()) + 6) % 7
}

// morning is 04:00 local, days from today.
func (d *dayPlan) morning(city int, days int) int64 {
	t := time.UnixMilli(d.at).In(d.w.atlas.cities[city].zone)
	m := time.Date(t.Year(), t.Month(), t.Day()+days, 4, 0, 0, 0, t.Location()).UnixMilli()
	if m <= d.at {
		m += day
	}
	return m
}

// holidays that most of the world keeps, month*100+day.
var holidays = map[int]bool{101: true, 501: true, 1225: true, 1226: true}

func (d *dayPlan) free(midnight int64, weekday int, zone *time.Location) bool {
	t := time.UnixMilli(midnight).In(zone)
	return d.p.workDays>>weekday&1 == 0 || holidays[int(t.Month())*100+t.Day()] || d.r.chance(0.035)
}

// day is an ordinary one: at home, or out to work and back.
func (d *dayPlan) day(city int, midnight int64, weekday int, next int64, home line, note string) {
	p, r := d.p, d.r
	kind := atHome
	if note != "" {
		kind = onTrip
	}
	zone := d.w.atlas.cities[city].zone
	if d.free(midnight, weekday, zone) && !(note != "" && p.away.business && weekday < 5) || note != "" && !p.away.business {
		out := midnight + r.around(13*60, 150)*minute
		back := out + r.between(60, 300)*minute
		if r.chance(0.35) {
			out, back = next, next
		}
		d.add(d.at, out, city, kind, home, note)
		d.add(out, back, city, onTheMove, line{}, note)
		d.add(back, next, city, kind, home, note)
		return
	}
	start := midnight + r.around(p.startMin, 35)*minute
	end := start + r.around(p.workMin, 60)*minute
	if r.chance(0.06) { // a long evening
		end += r.between(60, 200) * minute
	}
	lunch := start + r.around(210, 45)*minute
	lunchEnd := lunch + r.between(25, 65)*minute
	stay := note == "" && (p.office < 0 || p.homeDays>>weekday&1 == 1)
	if stay {
		d.add(d.at, next, city, kind, home, note)
		d.busyFrom(start, lunch, lunchEnd, end)
		return
	}
	site, ok := d.site(city)
	if !ok {
		site = d.w.guestLine(r, city) // a customer, a conference, a shared desk
	}
	ride := r.between(12, 65) * minute
	d.add(d.at, start-ride, city, kind, home, note)
	d.add(start-ride, start, city, onTheMove, line{}, note)
	d.add(start, lunch, city, atWork, site, note)
	d.add(lunch, lunchEnd, city, onTheMove, line{}, note)
	d.add(lunchEnd, end, city, atWork, site, note)
	d.add(end, end+ride, city, onTheMove, line{}, note)
	d.add(end+ride, next, city, kind, home, note)
	d.busyFrom(start, lunch, lunchEnd, end)
}

func (d *dayPlan) busyFrom(start, lunch, lunchEnd, end int64) {
	d.busy = append(d.busy, segment{from: start, to: lunch}, segment{from: lunchEnd, to: end})
}

// site is the company's office in or near the city.
func (d *dayPlan) site(city int) (line, bool) {
	for k := range officesPerCompany {
		o := &d.w.offices[d.p.company*officesPerCompany+k]
		if o.city == city || d.w.atlas.km(o.city, city) < 70 {
			return o.line(d.r), true
		}
	}
	return line{}, false
}

// shift is a rotating day: early, late, night, a week each.
func (d *dayPlan) shift(midnight int64, weekday int, next int64) {
	p, r := d.p, d.r
	week := int(midnight/(7*day)) + p.idx%3
	begin := [3]int64{6, 14, 22}[week%3]
	if (weekday+p.idx)%7 >= 5 {
		d.add(d.at, next, p.home, atHome, p.line, "")
		return
	}
	start := midnight + begin*hour + r.around(0, 10)*minute
	end := start + 8*hour + r.around(0, 10)*minute
	site := d.w.offices[p.office].line(r)
	d.add(d.at, start-25*minute, p.home, atHome, p.line, "")
	d.add(start-25*minute, start, p.home, onTheMove, line{}, "")
	d.add(start, end, p.home, atWork, site, "terminal")
	d.add(end, end+25*minute, p.home, onTheMove, line{}, "")
	d.add(end+25*minute, max(next, end+25*minute), p.home, atHome, p.line, "")
	d.busyFrom(start, start+4*hour, start+4*hour+30*minute, end)
}

// where is the segment the person is in, nil when unreachable.
func (p *person) where(at int64) *segment {
	for i := len(p.segs) - 1; i >= 0; i-- {
		if s := &p.segs[i]; at >= s.from {
			if s.kind == offline {
				return nil
			}
			return s
		}
	}
	return nil
}
