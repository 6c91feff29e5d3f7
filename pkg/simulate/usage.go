package simulate

// work spreads the day's bursts over the devices.
func (d *dayPlan) work() {
	p, r := d.p, d.r
	act := d.w.cfg.Activity
	for i, dev := range p.devices {
		n := 0.0
		switch {
		case dev.platform.phone() && p.world == MobileOnly:
			n = 8
		case dev.platform.phone():
			n = 3.6
		case i == 0 && len(d.busy) > 0:
			n = 5.4
		case i == 0:
			n = 0.6
		default:
			n = 0.35 // the computer at home
		}
		n *= act * (0.5 + r.float())
		count := int(n)
		if r.chance(n - float64(count)) {
			count++
		}
		for range count {
			if at := d.moment(dev, i); at > 0 {
				d.w.schedule(at, &burst{p: p, dev: dev, r: newRNG(r.next())})
			}
		}
	}
	if p.logins == 0 && len(d.busy)+len(p.devices) > 0 && p.joined == d.at {
		// Enrolment: the account is used on its first day.
		at := d.at + 4*hour + r.between(0, 9*hour)
		d.w.schedule(at, &burst{p: p, dev: p.devices[0], r: newRNG(r.next())})
	}
}

// moment draws when a device is used.
func (d *dayPlan) moment(dev *device, i int) int64 {
	p, r := d.p, d.r
	if !dev.platform.phone() && i == 0 && len(d.busy) > 0 {
		s := d.busy[r.below(len(d.busy))]
		if r.chance(0.3) { // first thing in the morning
			return d.busy[0].from + r.between(0, 12*minute)
		}
		if s.to <= s.from {
			return 0
		}
		return r.between(s.from, s.to)
	}
	city := p.home
	if s := p.where(d.at + hour); s != nil {
		city = s.city
	}
	midnight, _ := d.local(city)
	at := midnight + int64(r.from(&wakingHours)*float64(hour))
	if p.world == Shift { // they look at their phones when awake, around the shift
		at = d.at + r.between(0, 20*hour)
	}
	if i > 0 && !dev.platform.phone() {
		at = midnight + int64((19+3*r.float())*float64(hour))
	}
	return max(at, d.at+1)
}

// wakingHours are the hours of the day at which phones are picked up.
var wakingHours = curve{6.2, 7.6, 8.5, 10.0, 12.0, 13.4, 15.6, 17.6, 19.2, 21.0, 23.6}
