package simulate

import (
	"math"
	"net/netip"
	"slices"
	"strconv"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// attack is one attacker with one plan.
type attack struct {
	kind   Kind
	name   string
	r      rng
	victim *person
	net    network
	ip     netip.Addr
	agent  string
	token  string
	sess   *session
	of     string // the session a branch belongs to
	deeds  []step
	stage  int
	tries  int
	left   int // poisoner: quiet logins left; sprayer: accounts left
	home   network
	dev    *device // insider: his own
	idle   int
}

// attackGap: seconds between an attacker's actions; some type, some run scripts.
var attackGap = curve{0.3, 0.9, 2, 3.5, 6, 9, 14, 22, 38, 75, 240}

var (
	lookAround = []step{
		{"portal", "resource.read", "mail", 9000, "", 1, 3, &smallFile},
		{"portal", "resource.search", "document", 1, "internal", 1, 2, nil},
		{"portal", "resource.read", "document", 4000, "internal", 1, 3, &smallFile},
		{"crm", "resource.search", "customer", 1, "internal", 0, 2, nil},
	}
	plunder = []step{
		{"payroll", "resource.export", "payroll", 40, "restricted", 1, 1, &bigFile},
		{"crm", "resource.export", "customer", 20000, "internal", 1, 4, &bigFile},
		{"admin", "apikey.create", "apikey", 1, "critical", 1, 1, nil},
		{"portal", "account.mfa_change", "profile", 1, "critical", 1, 1, nil},
		{"portal", "account.password_change", "profile", 1, "internal", 1, 1, nil},
		{"admin", "role.grant", "role", 60, "critical", 1, 1, nil},
		{"people", "resource.read", "employee", 3000, "restricted", 2, 6, &smallFile},
	}
	insiderDeeds = []step{
		{"crm", "resource.search", "customer", 1, "internal", 1, 3, nil},
		{"crm", "resource.read", "customer", 20000, "internal", 12, 30, &smallFile},
		{"crm", "resource.export", "customer", 20000, "internal", 4, 10, &bigFile},
		{"people", "resource.read", "employee", 3000, "restricted", 2, 8, &smallFile},
		{"code", "resource.export", "repository", 120, "internal", 2, 6, &bigFile},
	}
)

// planAttacks spreads the attacks over the time after the warm-up.
func (w *World) planAttacks() {
	if w.cfg.Attacks < 0 {
		return
	}
	begin := w.cfg.Start.UnixMilli()
	from := begin + int64(float64(w.end-begin)*w.cfg.AttackAfter)
	for _, k := range Attackers() {
		if len(w.cfg.Only) > 0 && !slices.Contains(w.cfg.Only, k) {
			continue
		}
		n := w.cfg.Attacks
		if k == Spray { // one sprayer makes hundreds of events
			n = max(1, n/8)
		}
		for i := range n {
			a := &attack{kind: k, r: newRNG(w.cfg.Seed, 0xA77AC, hash64(string(k)), uint64(i))}
			w.attacks++
			a.name = "a" + strconv.Itoa(w.attacks)
			until := w.end - hour
			if k == Poisoner { // he needs weeks
				until = from + (until-from)/4
			}
			w.schedule(a.r.between(from, until), a)
		}
	}
}

func (a *attack) step(w *World, at int64) int64 {
	if a.victim == nil && a.kind != Spray {
		if !a.begin(w, at) {
			a.idle++
			if a.idle > 40 {
				return 0
			}
			return at + a.r.between(10*minute, 3*hour)
		}
	}
	switch a.kind {
	case Spray:
		return a.spray(w, at)
	case Poisoner:
		return a.poison(w, at)
	}
	if a.sess == nil {
		a.login(w, at)
		return at + a.gap()
	}
	return a.act(w, at)
}

func (a *attack) gap() int64 { return 1 + int64(a.r.from(&attackGap)*1000) }

// begin chooses the victim and the disguise.
func (a *attack) begin(w *World, at int64) bool {
	r := &a.r
	var p *person
	for range 60 {
		c := w.people[r.below(len(w.people))]
		if c.role == machine || c.logins == 0 || len(c.devices) == 0 {
			continue
		}
		if a.kind == Stolen || a.kind == Insider {
			if a.take(c, at) == nil {
				continue
			}
			if a.kind == Insider && c.where(at) == nil {
				continue
			}
		}
		p = c
		break
	}
	if p == nil {
		return false
	}
	home := &w.atlas.cities[p.home]
	there := w.atlas.countries[home.country]
	today := at / day
	popular := agentString(drawPlatform(r, r.chance(0.2)), today, r.between(0, 20))
	mine := pick(r, p.devices)
	base := w.atlas.cities[w.atlas.drawCity(r, "")] // where he sits
	a.home = network{lat: base.lat, lon: base.lon}
	switch a.kind {
	case Naive:
		a.agent = popular
		a.net = pick(r, base.isps[0].v4)
		if r.chance(0.4) {
			a.net = pick(r, w.atlas.countries[base.country].hosting)
		}
	case VPN:
		a.agent = popular
		a.net = pick(r, there.tunnels)
		if r.chance(0.4) {
			a.net = pick(r, there.hosting)
		}
	case Targeted:
		a.agent = popular
		a.net = pick(r, home.isps[r.below(min(3, len(home.isps)))].v4)
	case VeryTargeted:
		a.agent = mine.agentAt(at)
		a.net = p.line.net
		if narrow := narrowTo(p.line.v4, 22); r.chance(0.5) {
			a.net.prefix = narrow
		}
	case Proxy:
		a.agent = mine.agentAt(at)
		c := p.home
		if r.chance(0.5) {
			c = w.atlas.drawCity(r, home.country)
		}
		a.net = pick(r, w.atlas.cities[c].isps[r.below(len(w.atlas.cities[c].isps))].v4)
	case Stolen:
		a.dev = a.take(p, at)
		a.agent = popular
		if r.chance(0.3) {
			a.agent = a.dev.agentAt(at)
		}
		a.net = pick(r, base.isps[r.below(len(base.isps))].v4)
		if r.chance(0.5) {
			a.net = pick(r, w.atlas.countries[base.country].tunnels)
		}
	case Insider:
		a.dev = a.take(p, at)
		a.agent = a.dev.agentAt(at)
	case Poisoner:
		a.agent = mine.agentAt(at)
		a.net = pick(r, home.isps[r.below(min(3, len(home.isps)))].v4)
		a.left = 20
	}
	a.victim = p
	if a.net.prefix.IsValid() {
		a.ip = hostIn(r, a.net.prefix)
	}
	a.token = "d_" + hex(r.next(), 16)
	if a.kind == Stolen || a.kind == Insider {
		s := *a.dev.session
		a.sess = &s
		a.of = s.id
		if a.kind == Stolen && w.cfg.Branches {
			s.id += "~" + hex(r.next(), 8)
			s.acr, s.amr, s.proven = "aal1", pwd, 0
		} else {
			a.of = ""
		}
		// The cookie jar often holds the device token as well.
		if a.kind == Insider || r.chance(0.5) {
			a.token = a.dev.token
		}
	}
	switch a.kind {
	case Insider:
		a.plan(insiderDeeds)
	default:
		a.plan(lookAround)
		for range 2 + r.below(3) {
			a.plan([]step{plunder[r.below(len(plunder))]})
		}
	}
	return true
}

// narrowTo is the network of this length around an address: a neighbour's line.
func narrowTo(ip netip.Addr, length int) netip.Prefix { return netip.PrefixFrom(ip, length).Masked() }

// take finds a device of the person with a session in use.
func (a *attack) take(p *person, at int64) *device {
	for _, d := range p.devices {
		if d.session != nil && at < d.session.expires && at-d.session.last < 30*minute && at >= d.session.last {
			return d
		}
	}
	return nil
}

// plan writes the steps out, one entry per action.
func (a *attack) plan(steps []step) {
	for _, s := range steps {
		for range s.min + a.r.below(s.max-s.min+1) {
			a.deeds = append(a.deeds, s)
		}
	}
}

func (a *attack) login(w *World, at int64) {
	// Bought or phished passwords are sometimes a day old, or mistyped.
	if a.tries < 2 && a.r.chance(0.15) {
		a.tries++
		it := a.item(w, at, "auth.login", "app", "portal", "", 0)
		it.Event.Outcome, it.Truth.Note = "failure", "login"
		w.emit(it)
		return
	}
	a.sess = &session{id: "s_" + hex(a.r.next(), 16), auth: at, acr: "aal1", amr: pwd, expires: at + 12*hour}
	it := a.item(w, at, "auth.login", "app", "portal", "", 0)
	it.Truth.Note, it.Truth.Login = "login", a.victim.logins
	w.emit(it)
}

// act does the next thing of the plan.
func (a *attack) act(w *World, at int64) int64 {
	if a.stage == len(a.deeds) {
		return 0
	}
	st := &a.deeds[a.stage]
	size := 0.0
	if st.bytes != nil {
		size = a.r.from(st.bytes)
	}
	it := a.item(w, at, st.action, st.kind, st.thing(&a.r, a.victim), st.sens, size)
	it.Event.Source = "//" + it.Event.TenantId + "/apps/" + st.app
	it.Truth.Note = "recon"
	if a.kind == Insider || needsProof(st.action, st.sens) || st.bytes == &bigFile {
		it.Truth.Note = "deed"
	}
	w.emit(it)
	a.stage++
	if a.dev != nil && a.kind == Insider && a.dev.session != nil {
		a.dev.session.last = max(a.dev.session.last, at)
	}
	return at + a.gap()
}

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

// item builds the attacker's event.
func (a *attack) item(w *World, at int64, action, kind, thing, sens string, size float64) Item {
	p := a.victim
	comp := &companies[p.company]
	ev := &riskdv1.Event{
		Source: "//" + comp.name + "/apps/portal", Type: activityType, TimeMs: at, TenantId: comp.name, User: &riskdv1.User{Id: p.id},
		Action: action, Outcome: "success", Bytes: uint64(size), Http: &riskdv1.Http{UserAgent: a.agent},
		Resource: &riskdv1.Resource{Type: kind, Id: thing, Sensitivity: sens},
	}
	if a.sess != nil {
		ev.Session = a.sess.wire()
	}
	if a.of != "" {
		ev.Attributes = map[string]string{"session_of": a.of}
	}
	if comp.token != tokenNever && a.token != "" && !(comp.token == tokenAfter && action == "auth.login") {
		ev.Device = &riskdv1.Device{Id: a.token}
	}
	truth := Truth{Kind: a.kind, World: p.world, Attack: a.name}
	if a.kind == Insider {
		b := burst{p: p, dev: a.dev, r: newRNG(a.r.next())}
		if seg := p.where(at); seg != nil {
			note := truth
			ev.Network = w.network(&b, at, seg, &note)
		}
		return Item{Event: ev, Truth: truth}
	}
	ev.Network = &riskdv1.Network{Ip: a.ip.String(), RttMs: w.rtt(p.company, &a.r, a.net, &a.home, 12)}
	if math.IsNaN(a.net.lat) {
		ev.Network.RttMs = 0
	}
	return Item{Event: ev, Truth: truth}
}
