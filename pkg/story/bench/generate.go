package bench

import (
	"encoding/hex"
	"strconv"
)

// batch is decisions with all that hangs on them.
type batch struct {
	number                                         uint64
	features, events, signals, enforcement, ledger rows
	f                                              featureCols
	e                                              eventCols
	s                                              signalCols
	x                                              enforcementCols
	l                                              ledgerCols
	ids                                            []byte
}

func (b *batch) tables() []*rows {
	return []*rows{&b.events, &b.features, &b.signals, &b.enforcement, &b.ledger}
}

func newBatch() *batch {
	b := &batch{features: rows{table: "features"}, events: rows{table: "events"}, signals: rows{table: "signals"},
		enforcement: rows{table: "enforcement"}, ledger: rows{table: "ledger"}}
	b.f, b.e, b.s, b.x, b.l = newFeatureCols(&b.features), newEventCols(&b.events), newSignalCols(&b.signals), newEnforcementCols(&b.enforcement), newLedgerCols(&b.ledger)
	return b
}

const (
	policy   = "default@3f2a91c0"
	baseline = "2026-11-20"
	geo      = "GeoLite2-City@2026-09-18+ip-location-db-ASN@2026-06-17"
	engine   = "1"
	activity = "dev.riskd.activity.v1"
)

// one is a decision of one number.
type one struct {
	*visit
	n                               uint64
	id                              string
	ts, received, decided           int64
	latency                         uint32
	did, outcome, action, state     string
	resource, resourceID, sensitive string
	risk                            float64
	level                           string
	seq                             uint64
	idx                             uint32
}

var deeds = []struct{ action, resource, sensitivity string }{
	{"auth.login", "app", ""}, {"resource.read", "document", ""}, {"resource.list", "mailbox", ""}, {"resource.update", "document", "internal"},
	{"auth.refresh", "app", ""}, {"resource.search", "search", ""}, {"resource.export", "report", "restricted"}, {"apikey.create", "key", "critical"},
}

// fill makes the decisions from ≤ n < to.
func (w *world) fill(b *batch, from, to uint64) {
	for _, t := range b.tables() {
		t.clear()
	}
	b.number = from
	b.ids = b.ids[:0]
	for n := from; n < to; n++ {
		b.ids = appendID(b.ids, w.at(n), mix(n), mix(n+1<<40))
	}
	ids := string(b.ids)
	for n := from; n < to; n++ {
		d := w.decision(n)
		d.id = ids[(n-from)*36 : (n-from+1)*36]
		b.f.add(&b.features, &d)
		b.e.add(&b.events, &d)
		if d.challenge != "" && !d.visit.asked {
			d.visit.asked = true
			b.s.add(&b.signals, &d)
			b.x.add(&b.enforcement, &d)
		}
		if n%100 == 0 {
			b.l.add(&b.ledger, n, &d)
		}
	}
}

// decision is a number's, without its id.
func (w *world) decision(n uint64) one {
	at := w.at(n)
	v := w.visit(n, at)
	r := mix(n * 3)
	d := one{visit: v, n: n, ts: at - int64(r%40), received: at, action: "allow", state: "clear", outcome: "success", risk: v.risk, level: "low", seq: n / 500, idx: uint32(n % 500)}
	d.latency = uint32(2 + r>>10%6)
	if r>>20%50 == 0 {
		d.latency += uint32(r >> 30 % 60)
	}
	d.decided = at + int64(d.latency)
	if r>>40%1000 == 0 {
		d.ts -= int64(r % 20_000_000)
	}
	deed := 1
	switch p := r >> 50 % 1000; {
	case p < 33:
		deed = 0
	case p < 520:
	case p < 720:
		deed = 2
	case p < 810:
		deed = 3
	case p < 905:
		deed = 4
	case p < 975:
		deed = 5
	case p < 999:
		deed = 6
	default:
		deed = 7
	}
	d.did, d.resource, d.sensitive = deeds[deed].action, deeds[deed].resource, deeds[deed].sensitivity
	d.resourceID = d.resource
	if deed == 1 || deed == 3 || deed == 6 {
		few := r >> 12 % 200_000
		d.resourceID = d.resource + "-" + strconv.FormatUint(few*few/200_000, 10)
	}
	if deed == 0 && r%20 == 0 {
		d.outcome = "failure"
	}
	if v.kind >= challenged {
		switch {
		case v.end == satisfied && v.asked:
			d.state = "satisfied"
		case v.end == satisfied || !v.asked:
			d.action, d.state, d.outcome = "step_up", "required", "challenged"
		case v.end == expired:
			d.action, d.state, d.outcome = "deny", "expired", "challenged"
		default:
			d.action, d.state, d.outcome = "deny", "denied", "challenged"
		}
	}
	switch {
	case d.risk >= 60:
		d.level = "high"
	case d.risk >= 20:
		d.level = "medium"
	}
	return d
}

// appendID writes a UUID of version 7, as the SDK makes them.
func appendID(out []byte, ms int64, a, b uint64) []byte {
	u := [16]byte{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms), 0x70 | byte(a)&0x0f, byte(a >> 8),
		0x80 | byte(b)&0x3f, byte(b >> 8), byte(b >> 16), byte(b >> 24), byte(b >> 32), byte(b >> 40), byte(b >> 48), byte(b >> 56)}
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return out
}
