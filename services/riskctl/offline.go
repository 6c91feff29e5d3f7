package main

import (
	"fmt"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// maxLive is how many users' profiles are kept as objects; those of others wait in encoded form.
const maxLive = 20_000

// offline is the engine as the scorer role runs it, without broker and without partitions. Not safe
// for concurrent use.
type offline struct {
	engine   *rules.Engine
	enricher *enrich.Enricher
	geo      string
	users    map[userKey]*held
	live     []userKey // in the order of coming alive; the oldest leaves first
	free     []*profile.Profile
	ev       event.Event
	d        decision.Decision
}

type userKey struct{ tenant, user string }

// held is one user's profile: as an object, or encoded.
type held struct {
	p     *profile.Profile
	bytes []byte
}

// openOffline reads policy and geo data. Empty names mean the default policy and no geo data.
func openOffline(policyFile, city, asn string) (*offline, error) {
	files, err := rules.Open(policyFile)
	if err != nil {
		return nil, usageError("-policy: %w", err)
	}
	engine, err := rules.NewEngine(files, baseline.Default())
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	cfg := enrich.DefaultConfig()
	cfg.City, cfg.ASN = city, asn
	en, err := enrich.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("opening geo data: %w", err)
	}
	return &offline{engine: engine, enricher: en, geo: en.GeoVersion(), users: map[userKey]*held{}}, nil
}

// score judges one event. The decision is valid until the next call. There is no arrival offline, so
// no event counts as coming from the future.
func (o *offline) score(pb *riskdv1.Event) (*decision.Decision, error) {
	if err := wire.ToEvent(pb, o.enricher.Enrich(pb, pb.TimeMs), &o.ev); err != nil {
		return nil, err
	}
	p, err := o.profile(userKey{pb.TenantId, pb.User.Id})
	if err != nil {
		return nil, err
	}
	o.engine.Step(p, &o.ev, &o.d)
	o.d.Geo = o.geo
	return &o.d, nil
}

func (o *offline) profile(k userKey) (*profile.Profile, error) {
	h := o.users[k]
	if h != nil && h.p != nil {
		return h.p, nil
	}
	if len(o.live) == maxLive {
		if err := o.rest(maxLive / 4); err != nil {
			return nil, err
		}
	}
	if h == nil {
		h = &held{}
		// The event's strings may share memory with a whole batch of input.
		k = userKey{cloneString(k.tenant), cloneString(k.user)}
		o.users[k] = h
	}
	if n := len(o.free); n > 0 {
		h.p, o.free = o.free[n-1], o.free[:n-1]
	} else {
		h.p = &profile.Profile{}
	}
	if h.bytes != nil {
		if err := profile.Decode(h.bytes, h.p); err != nil {
			return nil, fmt.Errorf("profile of user %s/%s: %w", k.tenant, k.user, err)
		}
		h.bytes = nil
	} else {
		h.p.Reset()
	}
	o.live = append(o.live, k)
	return h.p, nil
}

// rest encodes the n profiles that have been alive longest.
func (o *offline) rest(n int) error {
	for _, k := range o.live[:n] {
		h := o.users[k]
		h.bytes = h.p.AppendBinary(make([]byte, 0, 512))
		o.free = append(o.free, h.p)
		h.p = nil
	}
	o.live = append(o.live[:0], o.live[n:]...)
	return nil
}

func cloneString(s string) string { return string(append([]byte(nil), s...)) }
