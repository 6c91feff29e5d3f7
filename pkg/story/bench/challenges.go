package bench

import (
	"net/netip"
	"strconv"
)

type signalCols struct {
	tenant, challenge, state, user, session, event, cause, level, previous, onExpiry, policy, version, rule, reasonUser *of[string]
	revision, seq                                                                                                       *of[uint64]
	ts, decided, issued, expires                                                                                        *of[int64]
	risk                                                                                                                *of[float64]
	reasons, acr                                                                                                        *of[[]string]
	latency, idx                                                                                                        *of[uint32]
	partition, nth                                                                                                      *of[uint16]
}

func newSignalCols(r *rows) signalCols {
	s := func(name string) *of[string] { return column[string](r, name) }
	return signalCols{
		s("tenant"), s("challenge_id"), s("state"), s("user_id"), s("session_id"), s("event_id"), s("cause"), s("level"), s("previous_level"), s("on_expiry"),
		s("policy"), s("policy_version"), s("rule"), s("reason_user"), column[uint64](r, "revision"), column[uint64](r, "seq"),
		column[int64](r, "ts"), column[int64](r, "decided_at"), column[int64](r, "issued_at"), column[int64](r, "expires_at"),
		column[float64](r, "risk"), column[[]string](r, "reasons"), column[[]string](r, "acr_values"), column[uint32](r, "latency_ms"), column[uint32](r, "idx"),
		column[uint16](r, "partition"), column[uint16](r, "nth"),
	}
}

var (
	reasons = []string{"unknown_device", "new_network", "new_agent"}
	aal2    = []string{"aal2"}
)

// wait is how long a challenge took to end, milliseconds.
func (d *one) wait() int64 {
	if d.end == expired {
		return 600_000
	}
	return 5000 + int64(mix(d.n+3)%60_000)
}

// add writes a challenge's two revisions: required, and how it ended.
func (c *signalCols) add(r *rows, d *one) {
	rule := ""
	if d.did == "resource.export" {
		rule = restricted[0]
	}
	for revision := range uint64(2) {
		r.n++
		state, cause, wait := "required", "unknown_device", int64(0)
		if revision == 1 {
			state = [...]string{"satisfied", "expired", "denied"}[d.end]
			cause, wait = [...]string{"stepup_completed", "stepup_abandoned", "stepup_failed"}[d.end], d.wait()
		}
		for _, x := range [...]struct {
			to *of[string]
			v  string
		}{
			{c.tenant, d.tenant}, {c.challenge, d.challenge}, {c.state, state}, {c.user, d.user}, {c.session, d.session}, {c.event, d.id}, {c.cause, cause}, {c.level, "high"},
			{c.previous, "low"}, {c.onExpiry, "deny"}, {c.policy, "default"}, {c.version, "3f2a91c0"}, {c.rule, rule}, {c.reasonUser, "We noticed something unusual about this sign-in."},
		} {
			x.to.add(x.v)
		}
		c.revision.add(revision + 1)
		c.seq.add(d.seq)
		c.ts.add(d.ts + wait)
		c.decided.add(d.decided + wait)
		c.issued.add(d.ts)
		c.expires.add(d.ts + 600_000)
		c.risk.add(d.risk)
		c.reasons.add(reasons)
		c.acr.add(aal2)
		c.latency.add(d.latency)
		c.idx.add(d.idx)
		c.partition.add(d.partition)
		c.nth.add(uint16(revision))
	}
}

type enforcementCols struct {
	tenant, challenge, kind, event, source, user, session, action, outcome, route, result, sdk, state *of[string]
	ts, decided                                                                                       *of[int64]
	ip                                                                                                *of[netip.Addr]
	partition                                                                                         *of[uint16]
	seq                                                                                               *of[uint64]
	idx                                                                                               *of[uint32]
}

func newEnforcementCols(r *rows) enforcementCols {
	s := func(name string) *of[string] { return column[string](r, name) }
	return enforcementCols{
		s("tenant"), s("challenge_id"), s("kind"), s("event_id"), s("source"), s("user_id"), s("session_id"), s("action"), s("outcome"), s("route"), s("result"), s("sdk"),
		s("session_state"), column[int64](r, "ts"), column[int64](r, "decided_at"), column[netip.Addr](r, "ip"), column[uint16](r, "partition"), column[uint64](r, "seq"), column[uint32](r, "idx"),
	}
}

// add writes the receipt of what was shown, and what the user did.
func (c *enforcementCols) add(r *rows, d *one) {
	for nth := range 2 {
		r.n++
		kind, action, route, result, sdk, wait := "receipt", "enforcement.shown", "/app", "shown", "riskd-go/0.1.0", int64(300)
		if nth == 1 {
			kind = [...]string{"completed", "abandoned", "failed"}[d.end]
			action, route, result, sdk, wait = "stepup."+kind, "", "", "", d.wait()
		}
		for _, x := range [...]struct {
			to *of[string]
			v  string
		}{
			{c.tenant, d.tenant}, {c.challenge, d.challenge}, {c.kind, kind}, {c.event, d.id + "-" + strconv.Itoa(nth)}, {c.source, d.source}, {c.user, d.user},
			{c.session, d.session}, {c.action, action}, {c.outcome, "challenged"}, {c.route, route}, {c.result, result}, {c.sdk, sdk}, {c.state, "required"},
		} {
			x.to.add(x.v)
		}
		c.ts.add(d.ts + wait)
		c.decided.add(d.decided + wait)
		c.ip.add(d.ip)
		c.partition.add(d.partition)
		c.seq.add(d.seq + uint64(nth)<<40)
		c.idx.add(d.idx)
	}
}
