package simulate

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

// devicesChange loses cookies and buys devices, at the rates people do.
func (p *person) devicesChange(w *World, r *rng) {
	for i, d := range p.devices {
		if d.shared {
			continue
		}
		if r.chance(1.0 / 160) {
			d.token, d.lost, d.session = "d_"+hex(r.next(), 16), true, nil
		}
		if r.chance(1.0 / 420) {
			n := w.newDevice(r, d.platform.phone())
			if r.chance(0.6) { // most stay with what they know
				n.platform = d.platform
			}
			n.isNew = true
			p.devices[i] = n
		}
	}
}
