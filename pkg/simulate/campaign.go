package simulate

// poison logs in quietly about once a day, each time a little more as himself.
func (a *attack) poison(w *World, at int64) int64 {
	r := &a.r
	if a.sess == nil {
		if a.left == 10 { // from now on with his own browser
			a.agent = agentString(drawPlatform(r, false), at/day, 3)
		}
		if a.left == 5 || a.left == 14 {
			a.net = pick(r, w.atlas.cities[a.victim.home].isps[0].v4)
		}
		a.ip = hostIn(r, a.net.prefix)
		a.login(w, at)
		a.deeds = a.deeds[:0]
		a.stage = 0
		if a.sess == nil {
			return at + a.gap()
		}
		if a.left--; a.left > 0 {
			a.plan([]step{lookAround[0]})
		} else {
			a.plan(lookAround)
			a.plan(plunder[:4])
		}
		return at + a.gap()
	}
	if next := a.act(w, at); next > 0 {
		return next
	}
	if a.left <= 0 {
		return 0
	}
	a.sess = nil
	wait := r.between(14*hour, 30*hour)
	return at + max(hour, min(wait, (w.end-at)/int64(a.left+1)))
}

// spray tries one or two passwords on many accounts from one address.
func (a *attack) spray(w *World, at int64) int64 {
	r := &a.r
	if !a.ip.IsValid() {
		c := w.atlas.cities[w.atlas.drawCity(r, "")]
		a.net = pick(r, w.atlas.countries[c.country].hosting)
		a.home = a.net
		a.ip = hostIn(r, a.net.prefix)
		a.agent = agentString(drawPlatform(r, false), at/day, r.between(0, 200))
		a.left = 40 + r.below(160)
		a.token = ""
	}
	if a.sess != nil {
		if next := a.act(w, at); next > 0 {
			return next
		}
		a.sess = nil
	}
	if a.left == 0 {
		return 0
	}
	a.left--
	a.victim = w.people[r.below(len(w.people))]
	if a.victim.logins == 0 || a.victim.role == machine {
		return at + r.between(200, 4000)
	}
	if r.chance(0.02) { // somebody has this password
		a.deeds, a.stage, a.tries = a.deeds[:0], 0, 2
		a.plan(lookAround)
		a.plan(plunder[:2])
		a.login(w, at)
		return at + a.gap()
	}
	it := a.item(w, at, "auth.login", "app", "portal", "", 0)
	it.Event.Outcome, it.Truth.Note = "failure", "login"
	w.emit(it)
	return at + r.between(200, 9000)
}
