// Package enrich adds to an event what riskd knows about the world: where its address lies, whose
// network that is and of what kind, what browser spoke, and what other users just did there. The
// result is stored with the event, so that scoring needs no look-up and a replay is exact.
//
// It does not judge. Values a trusted upstream has put into the event win; what is not known stays
// absent and is never zero.
//
// An [Enricher] is safe for concurrent use. What [Enricher.Enrich] returns may point into the
// event and into shared caches: read it, store its bytes, but do not change it or decode into it.
package enrich

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Enricher is the sum of all look-ups.
type Enricher struct {
	cfg    Config
	data   atomic.Pointer[databases]
	agents *agents
	kinds  *kinds
	stats  stats

	square *square
	crowds [maxPartitions]atomic.Pointer[Crowd]
	solo   *Crowd
}

const (
	// maxPartitions is the most an installation may have.
	maxPartitions = 1024
	// addressCache is how many addresses are remembered with what the files say of them: about 5 MiB.
	addressCache = 32768
	// soloKeys is how many times CrowdKeys are counted where there are no partitions.
	soloKeys = 16
)

// New opens the databases. Zero fields of cfg mean their defaults. It starts nothing: call Run to
// follow changes of the files.
func New(cfg Config) (*Enricher, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Enricher{cfg: cfg, agents: newAgents(cfg.AgentCache), square: newSquare()}
	e.solo = newCrowd(newSquare(), soloKeys*cfg.CrowdKeys, &e.stats)
	e.kinds = newKinds()
	data := new(databases)
	for _, path := range filepath.SplitList(cfg.City) {
		db, err := openCity(path, cfg.RecordCache)
		if err != nil {
			return nil, err
		}
		data.city = append(data.city, db)
	}
	for _, path := range filepath.SplitList(cfg.ASN) {
		db, err := openASN(path, cfg.RecordCache, e.kinds)
		if err != nil {
			return nil, err
		}
		data.asn = append(data.asn, db)
	}
	data.describe()
	e.data.Store(data)
	return e, nil
}

// Crowd is the counters of one partition across its users: the same at every call. Whoever owns the partition restores
// it, hands it every record of the partition's journal, and enriches with [Enricher.EnrichIn].
func (e *Enricher) Crowd(partition int) *Crowd {
	at := &e.crowds[partition]
	if c := at.Load(); c != nil {
		return c
	}
	at.CompareAndSwap(nil, newCrowd(e.square, e.cfg.CrowdKeys, &e.stats))
	return at.Load()
}

// Lookup is one event of [Enricher.EnrichIn].
type Lookup struct {
	Event *riskdv1.Event
	// Addr is the event's address.
	Addr netip.Addr
	// ReceivedMS is when the broker took it, Unix milliseconds.
	ReceivedMS int64
	// Out gets everything that is looked up; its memory is used again.
	Out *riskdv1.Enrichment

	seen sighting
	addr uint64 // hash of Addr, 0 when nobody can tell anything of it
}

// EnrichIn looks up everything about some events of a partition. Call it once for each event, in order of arrival, and then Take or Discard of
// the partition's [Crowd]. Several events, some dozens at most, take less time each than one does: the memory that is looked up is asked for
// before.
func (e *Enricher) EnrichIn(partition int, all []Lookup) { e.enrich(e.Crowd(partition), all) }

// Enrich is [Enricher.EnrichIn] for one stream of events without partitions: every event counts at once.
func (e *Enricher) Enrich(ev *riskdv1.Event, receivedMS int64) *riskdv1.Enrichment {
	out := new(riskdv1.Enrichment)
	e.enrich(e.solo, []Lookup{{Event: ev, Addr: wire.Addr(ev), ReceivedMS: receivedMS, Out: out}})
	e.solo.settle()
	return out
}

func (e *Enricher) enrich(crowd *Crowd, all []Lookup) {
	data := e.data.Load()
	for i := range all {
		l := &all[i]
		l.seen = see(l.Event, l.Addr)
		crowd.square.askSlots(&l.seen)
		l.addr = data.ask(l.Addr)
	}
	for i := range all {
		l := &all[i]
		crowd.square.askSpots(&l.seen)
		data.askAgain(l.addr)
	}
	crowd.mu.Lock()
	defer crowd.mu.Unlock()
	for i := range all {
		e.one(crowd, data, &all[i])
	}
}

// one looks up one event; crowd.mu is held.
func (e *Enricher) one(crowd *Crowd, data *databases, l *Lookup) {
	ev, out, receivedMS := l.Event, l.Out, l.ReceivedMS
	if c := out.Crowd; c == nil { // the only part of out that is its own: all others belong to the event or to the caches
		out.Crowd = new(riskdv1.Crowd)
	} else {
		c.IpFailedUsers, c.IpUsers, c.DeviceUsers, c.IpFailures = 0, 0, 0, 0
	}
	out.ReceivedMs, out.Geo, out.StepUpAt = receivedMS, nil, 0 // all other fields are set below: no Reset, which is slow
	out.Agent = e.agents.parse(ev.Http.GetUserAgent(), &e.stats)

	if l.seen.shows() {
		crowd.observe(ev, &l.seen, receivedMS, out.Crowd)
	}

	given, place := ev.Network, wire.Place(ev.Network.GetGeo())
	out.Asn, out.AsOrg, out.Kind = given.GetAsn(), given.GetAsOrg(), given.GetKind()
	var found known
	if !place.Known || out.AsOrg == "" {
		found = data.lookup(l.Addr, l.addr, &e.stats)
	}
	if place.Known {
		out.Geo = given.Geo
	} else if out.Geo = found.place; out.Geo == nil && (place.Country != "" || place.City != "") {
		out.Geo = given.Geo
	}
	if out.Asn == 0 || out.AsOrg == "" || out.Kind == "" {
		e.network(found.owner, out)
	}
}

// network fills in what upstream has not said about the network, of which owner is what the data says, nil when it says nothing.
func (e *Enricher) network(owner *owner, out *riskdv1.Enrichment) {
	if out.AsOrg == "" && owner != nil && (out.Asn == 0 || out.Asn == owner.asn) {
		out.Asn, out.AsOrg = owner.asn, owner.org
		if out.Kind == "" {
			out.Kind = owner.kind
		}
		return
	}
	if out.Kind == "" && (out.Asn != 0 || out.AsOrg != "") {
		out.Kind = e.kinds.of(out.Asn, out.AsOrg)
	}
}

// GeoVersion names the data in use, such as "GeoLite2-City@2026-09-18"; with an ASN database both,
// joined by "+". "none" without any.
func (e *Enricher) GeoVersion() string { return e.data.Load().version }

// Source is one database in use.
type Source struct {
	// Type as the database calls itself.
	Type string
	// Built is when its maker made it.
	Built time.Time
	// Attribution is the text its licence asks to show beside results.
	Attribution string
	// Path of the file.
	Path string
}

// Sources lists the databases in use, City first.
func (e *Enricher) Sources() []Source { return e.data.Load().sources }

// Attribution is the text to show where results are shown, one line for each database.
func (e *Enricher) Attribution() string {
	var lines []string
	for _, s := range e.Sources() {
		if s.Attribution != "" {
			lines = append(lines, s.Attribution)
		}
	}
	return strings.Join(lines, "\n")
}

// Age is how old the oldest database in use is at now; 0 without any.
func (e *Enricher) Age(now time.Time) time.Duration {
	var oldest time.Duration
	for _, s := range e.Sources() {
		oldest = max(oldest, now.Sub(s.Built))
	}
	return oldest
}

// String summarises the data in use for people.
func (e *Enricher) String() string {
	return fmt.Sprintf("geo %s", e.GeoVersion())
}
