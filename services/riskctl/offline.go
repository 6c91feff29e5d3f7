package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/riskd-io/riskd/pkg/adaptive"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// maxLive is how many users' profiles are kept as objects; those of others wait in encoded form.
const maxLive = 20_000

// offline is the engine as the scorer role runs it, without broker and without partitions. Not safe
// for concurrent use.
type offline struct {
	engine   *rules.Engine
	step     laboratory.Engine // engine, unless it is ablated
	enricher *enrich.Enricher
	geo      string
	users    map[userKey]*held
	live     []userKey // in the order of coming alive; the oldest leaves first
	free     []*profile.Profile
	ev       event.Event
	d        decision.Decision
	// thresholds are the adaptive ones, by partition as in an installation of the default size.
	thresholds [subject.DefaultPartitions]adaptive.State
}

type userKey struct{ tenant, user string }

// held is one user's profile: as an object, or encoded.
type held struct {
	p     *profile.Profile
	bytes []byte
}

// engineFlags name what the engine judges by.
type engineFlags struct {
	policy, baseline string
	loaded           *rules.Engine
	base             string // the baseline's version
}

func (e *engineFlags) bind(fs *flag.FlagSet) {
	fs.StringVar(&e.policy, "policy", "", "policy `file` (YAML or JSON); empty: the default policy")
	fs.StringVar(&e.baseline, "baseline", "", "baseline `file` (JSON), such as riskctl baseline build writes; empty: the shipped one")
}

// load reads the files and makes the engine.
func (e *engineFlags) load() error {
	files, err := rules.Open(e.policy)
	if err != nil {
		return usageError("-policy: %w", err)
	}
	base := baseline.Default()
	if e.baseline != "" {
		data, err := os.ReadFile(e.baseline)
		if err != nil {
			return usageError("-baseline: %w", err)
		}
		if base, err = baseline.Parse(data); err != nil {
			return usageError("-baseline %s: %w", e.baseline, err)
		}
	}
	engine, err := rules.NewEngine(files, base)
	if err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	e.loaded, e.base = engine, base.Version()
	return nil
}

// openOffline loads the engine and opens the geo data.
func openOffline(e *engineFlags, city, asn string) (*offline, error) {
	if err := e.load(); err != nil {
		return nil, err
	}
	return newOffline(e.loaded, city, asn)
}

// newOffline opens the geo data; empty names mean none.
func newOffline(engine *rules.Engine, city, asn string) (*offline, error) {
	cfg := enrich.DefaultConfig()
	cfg.City, cfg.ASN = city, asn
	en, err := enrich.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("opening geo data: %w", err)
	}
	return &offline{engine: engine, step: engine, enricher: en, geo: en.GeoVersion(), users: map[userKey]*held{}}, nil
}

// score judges one event. The decision is valid until the next call. There is no arrival offline, so
// no event counts as coming from the future.
func (o *offline) score(pb *riskdv1.Event) (*decision.Decision, error) {
	if err := wire.ToEvent(pb, o.enricher.Enrich(pb, pb.TimeMs), &o.ev); err != nil {
		return nil, err
	}
	var at *adaptive.State
	if by := o.engine.Adaptive(pb.TenantId, pb.User.Id); by.Rate > 0 {
		at = &o.thresholds[subject.Partition(pb.TenantId, pb.User.Id, len(o.thresholds))]
		o.ev.StepUpAt = at.StepUpAt(by, pb.TenantId, pb.TimeMs)
	}
	p, err := o.profile(userKey{pb.TenantId, pb.User.Id})
	if err != nil {
		return nil, err
	}
	o.step.Step(p, &o.ev, &o.d)
	o.d.Geo = o.geo
	if at != nil && o.d.Status == decision.Scored {
		at.Observe(pb.TenantId, pb.TimeMs, o.ev.StepUpAt, o.d.PeakFrom, o.d.PeakTo)
	}
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
