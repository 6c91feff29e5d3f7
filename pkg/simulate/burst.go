package simulate

import (
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
