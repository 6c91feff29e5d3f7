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
