package bench

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
)

// The columns are those of schemas/clickhouse; the sink fills the same ones.

type featureCols struct {
	tenant, id, source, typ, did, outcome, user, session, level, action, challenge, state, rule, policy, baseline, geo, engine *of[string]
	country, city, org, network, device, browser, os, class, resource, resourceID, sensitive                                   *of[string]
	ts, decided                                                                                                                *of[int64]
	latency, asn, idx                                                                                                          *of[uint32]
	risk, travel, newDevice, deviation                                                                                         *of[float64]
	codes, details, unknown, hits, shadow                                                                                      *of[[]string]
	nats                                                                                                                       *of[[]float64]
	ip                                                                                                                         *of[netip.Addr]
	partition                                                                                                                  *of[uint16]
	seq                                                                                                                        *of[uint64]
}

func newFeatureCols(r *rows) featureCols {
	s := func(name string) *of[string] { return column[string](r, name) }
	return featureCols{
		s("tenant"), s("event_id"), s("source"), s("event_type"), s("event_action"), s("outcome"), s("user_id"), s("session_id"), s("level"), s("action"),
		s("challenge_id"), s("session_state"), s("rule"), s("policy"), s("baseline"), s("geo"), s("engine"),
		s("country"), s("city"), s("as_org"), s("network_kind"), s("device_id"), s("browser"), s("os"), s("device_class"), s("resource_type"), s("resource_id"), s("sensitivity"),
		column[int64](r, "ts"), column[int64](r, "decided_at"), column[uint32](r, "latency_ms"), column[uint32](r, "asn"), column[uint32](r, "idx"),
		column[float64](r, "risk"), column[float64](r, "impossible_travel"), column[float64](r, "new_device"), column[float64](r, "deviation"),
		column[[]string](r, "parts.code"), column[[]string](r, "parts.detail"), column[[]string](r, "unknown"), column[[]string](r, "hits"), column[[]string](r, "shadow_hits"),
		column[[]float64](r, "parts.nats"), column[netip.Addr](r, "ip"), column[uint16](r, "partition"), column[uint64](r, "seq"),
	}
}

var restricted, tried = []string{"restricted_resource"}, []string{"export_elsewhere"}

func (c *featureCols) add(r *rows, d *one) {
	r.n++
	rule, hits, shadow := "", []string(nil), []string(nil)
	if d.did == "resource.export" {
		hits = restricted
		if d.action == "step_up" {
			rule = restricted[0]
		}
		if d.network != "residential" {
			shadow = tried
		}
	}
	for _, x := range [...]struct {
		to *of[string]
		v  string
	}{
		{c.tenant, d.tenant}, {c.id, d.id}, {c.source, d.source}, {c.typ, activity}, {c.did, d.did}, {c.outcome, d.outcome}, {c.user, d.user}, {c.session, d.session},
		{c.level, d.level}, {c.action, d.action}, {c.challenge, d.challenge}, {c.state, d.state}, {c.rule, rule}, {c.policy, policy}, {c.baseline, baseline},
		{c.geo, geo}, {c.engine, engine}, {c.country, d.country}, {c.city, d.city}, {c.org, d.org}, {c.network, d.network}, {c.device, d.device}, {c.browser, d.browser},
		{c.os, d.os}, {c.class, d.class}, {c.resource, d.resource}, {c.resourceID, d.resourceID}, {c.sensitive, d.sensitive},
	} {
		x.to.add(x.v)
	}
	c.ts.add(d.ts)
	c.decided.add(d.decided)
	c.latency.add(d.latency)
	c.asn.add(d.asn)
	c.idx.add(d.idx)
	c.risk.add(d.risk)
	c.travel.add(d.travel)
	c.newDevice.add(d.newDevice)
	c.deviation.add(d.deviation)
	c.codes.add(d.codes)
	c.details.add(d.details)
	c.unknown.add(d.unknown)
	c.hits.add(hits)
	c.shadow.add(shadow)
	c.nats.add(d.nats)
	c.ip.add(d.ip)
	c.partition.add(d.partition)
	c.seq.add(d.seq)
}

type eventCols struct {
	tenant, id, source, typ, status, user, userKind, session, acr, device, country, city, org, network, agent, browser, os, class *of[string]
	did, outcome, resource, resourceID, sensitive, challenge                                                                      *of[string]
	ts, received, decided, auth                                                                                                   *of[int64]
	amr                                                                                                                           *of[[]string]
	ip                                                                                                                            *of[netip.Addr]
	rtt, asn, count, idx, given, ipUsers                                                                                          *of[uint32]
	located                                                                                                                       *of[bool]
	lat, lon, radius                                                                                                              *of[float64]
	major, osMajor, partition                                                                                                     *of[uint16]
	bytes, seq                                                                                                                    *of[uint64]
	attributes                                                                                                                    *of[map[string]string]
}

func newEventCols(r *rows) eventCols {
	s := func(name string) *of[string] { return column[string](r, name) }
	return eventCols{
		s("tenant"), s("event_id"), s("source"), s("type"), s("status"), s("user_id"), s("user_kind"), s("session_id"), s("acr"), s("device_id"),
		s("country"), s("city"), s("as_org"), s("network_kind"), s("user_agent"), s("browser"), s("os"), s("device_class"),
		s("action"), s("outcome"), s("resource_type"), s("resource_id"), s("sensitivity"), s("challenge_id"),
		column[int64](r, "ts"), column[int64](r, "received_at"), column[int64](r, "decided_at"), column[int64](r, "auth_time"),
		column[[]string](r, "amr"), column[netip.Addr](r, "ip"),
		column[uint32](r, "rtt_ms"), column[uint32](r, "asn"), column[uint32](r, "count"), column[uint32](r, "idx"), column[uint32](r, "given"), column[uint32](r, "ip_users"),
		column[bool](r, "located"), column[float64](r, "lat"), column[float64](r, "lon"), column[float64](r, "accuracy_km"),
		column[uint16](r, "browser_major"), column[uint16](r, "os_major"), column[uint16](r, "partition"),
		column[uint64](r, "bytes"), column[uint64](r, "seq"), column[map[string]string](r, "attributes"),
	}
}

func (c *eventCols) add(r *rows, d *one) {
	r.n++
	for _, x := range [...]struct {
		to *of[string]
		v  string
	}{
		{c.tenant, d.tenant}, {c.id, d.id}, {c.source, d.source}, {c.typ, activity}, {c.status, "scored"}, {c.user, d.user}, {c.userKind, "person"}, {c.session, d.session},
		{c.acr, d.acr}, {c.device, d.device}, {c.country, d.country}, {c.city, d.city}, {c.org, d.org}, {c.network, d.network}, {c.agent, d.userAgent}, {c.browser, d.browser},
		{c.os, d.os}, {c.class, d.class}, {c.did, d.did}, {c.outcome, d.outcome}, {c.resource, d.resource}, {c.resourceID, d.resourceID}, {c.sensitive, d.sensitive}, {c.challenge, ""},
	} {
		x.to.add(x.v)
	}
	size := uint64(0)
	if d.did == "resource.export" {
		size = mix(d.n) % 10_000_000
	}
	c.ts.add(d.ts)
	c.received.add(d.received)
	c.decided.add(d.decided)
	c.auth.add(d.auth)
	c.amr.add(d.amr)
	c.ip.add(d.ip)
	c.rtt.add(d.rtt)
	c.asn.add(d.asn)
	c.count.add(1)
	c.idx.add(d.idx)
	c.given.add(1)
	c.ipUsers.add(uint32(mix(d.n) % 40 / 39))
	c.located.add(true)
	c.lat.add(d.lat)
	c.lon.add(d.lon)
	c.radius.add(d.radius)
	c.major.add(d.major)
	c.osMajor.add(10)
	c.partition.add(d.partition)
	c.bytes.add(size)
	c.seq.add(d.seq)
	c.attributes.add(d.attributes)
}

type ledgerCols struct {
	kind, hash, prev, owner, policy, baseline, geo, engine                              *of[string]
	partition                                                                           *of[uint16]
	seq, epoch, input, totalAccepted, totalScored, totalDuplicate, totalLate, totalDead *of[uint64]
	decided                                                                             *of[int64]
	scored, duplicate, late, dead, signals, size                                        *of[uint32]
}

func newLedgerCols(r *rows) ledgerCols {
	s := func(name string) *of[string] { return column[string](r, name) }
	u := func(name string) *of[uint64] { return column[uint64](r, name) }
	n := func(name string) *of[uint32] { return column[uint32](r, name) }
	return ledgerCols{
		s("kind"), s("hash"), s("prev_hash"), s("owner"), s("policy"), s("baseline"), s("geo"), s("engine"), column[uint16](r, "partition"),
		u("seq"), u("epoch"), u("input_last"), u("total_accepted"), u("total_scored"), u("total_duplicate"), u("total_late"), u("total_dead"),
		column[int64](r, "decided_at"), n("scored"), n("duplicate"), n("late"), n("dead"), n("signals"), n("size"),
	}
}

// add writes the journal record of a hundred decisions.
func (c *ledgerCols) add(r *rows, n uint64, d *one) {
	r.n++
	partition, seq := n/100%32, n/3200+1
	hash := func(seq uint64) string {
		if seq == 0 {
			return string(make([]byte, 32))
		}
		h := sha256.Sum256([]byte(fmt.Sprintf("%d/%d", partition, seq)))
		return string(h[:])
	}
	c.kind.add("batch")
	c.hash.add(hash(seq))
	c.prev.add(hash(seq - 1))
	c.owner.add("bench:1:0123456789ab")
	c.policy.add(policy)
	c.baseline.add(baseline)
	c.geo.add(geo)
	c.engine.add(engine)
	c.partition.add(uint16(partition))
	c.seq.add(seq)
	c.epoch.add(1)
	c.input.add(seq * 101)
	c.totalAccepted.add(seq * 101)
	c.totalScored.add(seq * 100)
	c.totalDuplicate.add(seq)
	c.totalLate.add(0)
	c.totalDead.add(0)
	c.decided.add(d.decided)
	c.scored.add(100)
	c.duplicate.add(1)
	c.late.add(0)
	c.dead.add(0)
	c.signals.add(0)
	c.size.add(9000)
}
