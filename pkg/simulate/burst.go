package simulate

import (
	"encoding/binary"
	"math"
	"net/netip"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// burst is a few minutes of somebody using one device.
type burst struct {
	p    *person
	dev  *device
	r    rng
	left int
	todo *task
	pos  int // step within the task
	rep  int // repetitions left of the step
	open bool
	vpn  *network
	typo int
	note string
}

var (
	burstSize = curve{1, 1, 2, 3, 3, 4, 5, 6, 8, 11, 19}
	// gapSeconds between two actions of a person.
	gapSeconds = curve{0.6, 1.8, 3.2, 5, 8, 12, 18, 29, 50, 100, 420}
)

// signIn makes sure that there is a session, and says whether the burst can go on.
func (b *burst) signIn(w *World, at int64, seg *segment) (next int64, ready bool) {
	s := b.dev.session
	remembered := b.dev.seed%10 < 3 || b.dev.platform.phone() && b.dev.seed%10 < 6
	idle := 8 * hour
	if remembered {
		idle = 3 * day
	}
	if s != nil && at < s.expires && at-s.last < idle {
		if at-s.last > 50*minute {
			w.emit(b.item(w, at, seg, "auth.refresh", "", "", "", 0))
			s.last = at
			return at + b.gap(), false
		}
		return 0, true
	}
	if b.typo < 3 && b.r.chance(0.035) {
		b.typo++
		it := b.item(w, at, seg, "auth.login", "app", "portal", "", 0)
		it.Event.Outcome, it.Event.Session = "failure", nil
		it.Truth.Note = "typo"
		if b.hasNoToken() {
			it.Event.Device = nil
		}
		w.emit(it)
		return at + b.r.between(3, 25)*1000, false
	}
	life := 12 * hour
	if remembered {
		life = 14 * day
	}
	if b.dev.shared {
		life = 9 * hour
	}
	b.dev.session = &session{id: "s_" + hex(b.r.next(), 16), auth: at, acr: "aal1", amr: pwd, last: at, expires: at + life}
	it := b.item(w, at, seg, "auth.login", "app", "portal", "", 0)
	it.Truth.Login = b.p.logins
	switch {
	case b.p.logins == 0:
		it.Truth.Note = "first_login"
	case b.dev.lost:
		it.Truth.Note = "token_lost"
	case b.dev.isNew:
		it.Truth.Note = "new_device"
	}
	if b.hasNoToken() {
		it.Event.Device = nil
	}
	b.p.logins++
	b.dev.lost, b.dev.isNew, b.dev.seed = false, false, b.dev.seed|1<<63
	w.emit(it)
	return at + b.gap(), false
}

// hasNoToken: the app gives tokens only to those who have logged in, and this browser has not.
func (b *burst) hasNoToken() bool {
	c := &companies[b.p.company]
	return c.token == tokenAfter && (b.dev.lost || b.dev.isNew || b.dev.seed>>63 == 0)
}

func (b *burst) gap() int64 { return 1 + int64(b.r.from(&gapSeconds)*1000) }

func (b *burst) step(w *World, at int64) int64 {
	seg := b.p.where(at)
	if seg == nil {
		return 0
	}
	if !b.open {
		b.begin(w, at, seg)
		if seg.kind == onTheMove && !b.dev.platform.phone() && !b.r.chance(0.1) {
			return 0 // the lid is closed; now and then somebody tethers
		}
		if b.dev.shared && seg.kind != atWork {
			return 0 // the terminal stays in the hall
		}
	}
	if next, ready := b.signIn(w, at, seg); !ready {
		return next
	}
	if b.left == 0 {
		return 0
	}
	b.left--
	for b.todo == nil || b.rep == 0 {
		b.advance()
	}
	b.rep--
	st := &b.todo.steps[b.pos]
	s := b.dev.session
	if w.cfg.OwnFactor && needsProof(st.action, st.sens) && !fresh(s.proven, at, st.action, st.sens) {
		b.rep++
		b.left++
		s.proven, s.auth, s.acr, s.amr = at, at, "aal2", pwdOTP
		if b.p.passkey {
			s.amr = pwdHWK
		}
		w.emit(b.item(w, at, seg, "auth.mfa", "app", st.app, "", 0))
		s.last = at
		return at + b.gap()
	}
	size := 0.0
	if st.bytes != nil {
		size = b.r.from(st.bytes)
	}
	if !companies[b.p.company].sensitive && st.sens == "internal" {
		w.emit(b.item(w, at, seg, st.action, st.kind, st.thing(&b.r, b.p), "", size))
	} else {
		it := b.item(w, at, seg, st.action, st.kind, st.thing(&b.r, b.p), st.sens, size)
		it.Event.Source = "//" + companies[b.p.company].name + "/apps/" + st.app
		w.emit(it)
	}
	s.last = at
	if b.left == 0 && !b.dev.platform.phone() && b.r.chance(0.05) {
		b.left = -1
		return at + b.gap()
	}
	if b.left < 0 {
		return 0
	}
	return at + b.gap()
}

func (b *burst) begin(w *World, at int64, seg *segment) {
	b.open = true
	b.left = max(1, int(b.r.from(&burstSize)))
	// The tunnel is on for a burst, then off again: half of the time.
	if len(b.p.vpn) > 0 && b.r.chance(0.5) {
		b.vpn = &b.p.vpn[b.r.below(len(b.p.vpn))]
	}
	if companies[b.p.company].exit && seg.kind != atWork && !b.dev.platform.phone() {
		o := &w.offices[b.p.company*officesPerCompany]
		hosting := w.atlas.countries[w.atlas.cities[o.city].country].hosting
		b.vpn = &hosting[int(w.cfg.Seed%uint64(len(hosting)))]
		b.note = "company_exit"
	}
	if b.p.world == MobileOnly && b.r.chance(0.6) { // another gateway every time
		seg.cell = w.cellOf(b.p, &b.r, seg.city)
	}
}

// advance goes to the next step of the task, or to another task.
func (b *burst) advance() {
	if b.todo == nil || b.pos+1 >= len(b.todo.steps) {
		b.todo, b.pos = b.p.draw(&b.r, b.dev.platform.phone()), 0
	} else {
		b.pos++
	}
	st := &b.todo.steps[b.pos]
	b.rep = st.min + b.r.below(st.max-st.min+1)
}

// item builds an event of this device where its person is.
func (b *burst) item(w *World, at int64, seg *segment, action, kind, thing, sens string, size float64) Item {
	p, s := b.p, b.dev.session
	ev := &riskdv1.Event{
		Source: "//" + companies[p.company].name + "/apps/portal", Type: activityType, TimeMs: at,
		TenantId: companies[p.company].name, User: &riskdv1.User{Id: p.id}, Action: action, Outcome: "success", Bytes: uint64(size),
		Http: &riskdv1.Http{UserAgent: b.dev.agentAt(at)},
	}
	if companies[p.company].token != tokenNever {
		ev.Device = &riskdv1.Device{Id: b.dev.token}
	}
	if s != nil {
		ev.Session = s.wire()
	}
	if kind != "" {
		ev.Resource = &riskdv1.Resource{Type: kind, Id: thing, Sensitivity: sens}
	}
	truth := Truth{Kind: Honest, World: p.world, Note: seg.note, Factor: p.factor()}
	ev.Network = w.network(b, at, seg, &truth)
	return Item{Event: ev, Truth: truth}
}

const activityType = "dev.riskd.activity.v1"

func (s *session) wire() *riskdv1.Session {
	return &riskdv1.Session{Id: s.id, AuthTimeMs: s.auth, Acr: s.acr, Amr: s.amr}
}

func (p *person) factor() string {
	if p.passkey {
		return "passkey"
	}
	return "totp"
}

// network is the connection the device uses now.
func (w *World) network(b *burst, at int64, seg *segment, truth *Truth) *riskdv1.Network {
	p, d := b.p, b.dev
	l := &seg.wifi
	access := int64(9)
	if !l.v4.IsValid() && !l.v6.IsValid() || d.platform.phone() && d.seed%7 == 0 && seg.kind != inPlane {
		l = &seg.cell
		access = 48
		truth.Net = "cell"
		if w.atlas.cities[seg.city].country != w.atlas.cities[p.home].country {
			truth.Net = "roaming"
		}
	}
	ip, net := l.v4, l.net
	// A device that has both protocols uses one of them for hours.
	if l.v6.IsValid() && (!l.v4.IsValid() || p.world == IPv6 || (d.seed>>8+uint64(at/(6*hour)))%5 < 3) {
		ip, net = w.private(l.v6, d, at), l.net6
	}
	var real *network
	switch {
	case b.vpn != nil:
		real = &network{lat: net.lat, lon: net.lon}
		net = *b.vpn
		r := newRNG(d.seed, uint64(at/(2*hour)))
		ip = hostIn(&r, net.prefix)
		truth.Net = "vpn"
		if b.note != "" {
			truth.Net = b.note
			r = newRNG(w.cfg.Seed, 0xE817, uint64(p.company))
			ip = hostIn(&r, net.prefix)
		}
	case p.relay && (d.platform == iosSafari || d.platform == macSafari) && len(w.atlas.relays) > 0:
		real = &network{lat: net.lat, lon: net.lon}
		net = w.relayNear(d, at, net)
		r := newRNG(d.seed, uint64(at/(12*hour)))
		ip = hostIn(&r, net.prefix)
		truth.Net = "relay"
	case seg.kind == inPlane:
		access, truth.Net = 620, "plane"
	}
	out := &riskdv1.Network{Ip: ip.String()}
	out.RttMs = w.rtt(p.company, &b.r, net, real, access)
	return out
}

// private is a privacy address: the interface half changes every day.
func (w *World) private(p netip.Prefix, d *device, at int64) netip.Addr {
	a := p.Addr().As16()
	r := newRNG(d.seed, uint64(at/day))
	binary.BigEndian.PutUint64(a[8:], r.next())
	return netip.AddrFrom16(a)
}

// relayNear is an egress of the relay not far from the user, as the operator promises.
func (w *World) relayNear(d *device, at int64, net network) network {
	r := newRNG(d.seed, uint64(at/(12*hour)), 7)
	best, bestKM := network{}, math.Inf(1)
	for range 24 {
		c := pick(&r, w.atlas.relays)
		if km := greatCircle(c.lat, c.lon, net.lat, net.lon); km < bestKM {
			best, bestKM = c, km
		}
	}
	return best
}

// rtt is what the app measures: distance to its data centre over fibre, the last mile, and the
// detour of those whose address is not where they are.
func (w *World) rtt(comp int, r *rng, net network, real *network, access int64) uint32 {
	code := companies[comp].rtt
	c := w.atlas.countries[code]
	if c == nil {
		return 0
	}
	dc := &w.atlas.cities[c.cities[0]]
	ms := greatCircle(net.lat, net.lon, dc.lat, dc.lon) / 80
	if real != nil {
		ms += greatCircle(net.lat, net.lon, real.lat, real.lon) / 80
	}
	return uint32(ms) + uint32(max(2, r.around(access, access/2)))
}

// emit stamps the identity on an event and puts it out.
func (w *World) emit(it Item) {
	w.serial++
	it.Event.Id = eventID(w.cfg.Seed, w.serial, it.Event.TimeMs)
	w.out = append(w.out, it)
}

// eventID looks like a UUIDv7 and depends on nothing but its inputs.
func eventID(seed, serial uint64, at int64) string {
	r := newRNG(seed, 0x1D, serial)
	a, b := r.next(), r.next()
	h := hex(uint64(at)<<16|0x7000|a&0x0FFF, 16)
	l := hex(b&0x3FFFFFFFFFFFFFFF|0x8000000000000000, 16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + l[:4] + "-" + l[4:]
}

// needsProof says whether an app asks for a second factor before this.
func needsProof(action, sens string) bool {
	return sens == "restricted" || sens == "critical" || action == "apikey.create" || action == "role.grant" || action == "account.mfa_change"
}

// fresh says whether an earlier proof still counts: minutes for changes, hours for reading.
func fresh(proven, at int64, action, sens string) bool {
	limit := 12 * hour
	if sens == "critical" || action == "apikey.create" || action == "role.grant" || action == "account.mfa_change" {
		limit = 5 * minute
	}
	return proven > 0 && at-proven < limit
}

// job is a service account: the same few calls, day and night.
type job struct {
	p *person
	r rng
	n int
}

func (j *job) step(w *World, at int64) int64 {
	p, d := j.p, j.p.devices[0]
	if d.session == nil || at > d.session.expires {
		d.session = &session{id: "s_" + hex(j.r.next(), 16), auth: at, acr: "aal1", amr: []string{"swk"}, expires: at + 30*day}
	}
	if !p.line.v4.IsValid() || j.n == 0 {
		hosting := w.atlas.countries[w.atlas.cities[p.home].country].hosting
		p.line.net = pick(&j.r, hosting)
		p.line.v4 = hostIn(&j.r, p.line.net.prefix)
	}
	b := burst{p: p, dev: d, r: j.r}
	seg := segment{wifi: line{net: p.line.net, v4: p.line.v4}, city: p.home, note: "service"}
	it := b.item(w, at, &seg, "resource.read", "queue", "queue", "internal", j.r.from(&smallFile))
	if j.n == 0 {
		it = b.item(w, at, &seg, "auth.login", "app", "portal", "", 0)
	}
	it.Event.User.Kind = "service"
	it.Event.Count = uint32(j.r.between(1, 12))
	j.n++
	w.emit(it)
	every := int64(float64(40*minute) / w.cfg.Activity)
	return at + every + j.r.between(-every/10, every/10)
}
