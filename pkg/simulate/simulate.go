// Package simulate is a seeded, versioned generator of worlds: people with homes, offices,
// phones, habits, trips and lost cookies, and the attackers among them. It emits riskd events
// in event-time order with the truth beside them, never in them.
//
// It is not a model of the scorer: schedules, gaps and choices come from tables and plain
// routines, and addresses and places from the geo data, so that a scorer cannot win by sharing
// the generator's distributions.
//
// The same configuration, geo data and Version give the same events, byte for byte. A World is
// one stream and not safe for concurrent use; an [Atlas] may be shared.
package simulate

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Version changes whenever the same seed gives another world.
const Version = "2"

// The populations. Mixed has some of all, mostly ordinary.
const (
	Mixed      = "mixed"
	Ordinary   = "ordinary"
	Office     = "office"     // everybody behind one NAT
	MobileOnly = "mobile"     // phones on carrier gateways only
	IPv6       = "ipv6"       // privacy addresses that change every day
	Shift      = "shift"      // three shifts, rotating weekly, shared terminals
	Travellers = "travellers" // away every other week
	VPNUsers   = "vpn"        // commercial VPN switched on and off
)

// Worlds lists the populations, mixed first.
func Worlds() []string {
	return []string{Mixed, Ordinary, Office, MobileOnly, IPv6, Shift, Travellers, VPNUsers}
}

// Kind is who is behind an event.
type Kind string

// The kinds. Every attacker but the insider and the sprayer knows the password.
const (
	Honest       Kind = "honest"
	Naive        Kind = "naive"         // random place, popular browser
	VPN          Kind = "vpn"           // the victim's country through a rented exit
	Targeted     Kind = "targeted"      // the victim's city, a popular ISP there, popular browser
	VeryTargeted Kind = "very_targeted" // the victim's own network, same browser and system
	Proxy        Kind = "proxy"         // residential proxy near the victim, cloned user agent
	Stolen       Kind = "stolen"        // session cookie replayed in mid-session
	Insider      Kind = "insider"       // own device, other deeds
	Poisoner     Kind = "poisoner"      // twenty quiet logins drifting to his own device
	Spray        Kind = "spray"         // one address, many accounts, few passwords
)

// Attackers lists the attacking kinds.
func Attackers() []Kind {
	return []Kind{Naive, VPN, Targeted, VeryTargeted, Proxy, Stolen, Insider, Poisoner, Spray}
}

// Truth is what really happened. It travels beside the event.
type Truth struct {
	Kind  Kind   `json:"kind"`
	World string `json:"world"`
	// Attack names one attack ("a17"); empty for the honest.
	Attack string `json:"attack,omitempty"`
	// Note is what makes an honest event look odd: first_login, trip, token_lost, new_device, typo,
	// terminal, service; or an attacker's stage: login, recon, deed.
	Note string `json:"note,omitempty"`
	// Net is how an honest person was connected when not by an ordinary line: cell, roaming (both by
	// a carrier's gateway, which may be far away), vpn, company_exit, relay, plane.
	Net string `json:"net,omitempty"`
	// Login is how many earlier successful logins the account had, on successful logins.
	Login int `json:"login,omitempty"`
	// Factor is what this person would answer a challenge with: totp or passkey.
	Factor string `json:"-"`
}

// Item is one event and the truth about it.
type Item struct {
	Event *riskdv1.Event
	Truth Truth
}

// Config of a world.
type Config struct {
	// Seed of everything. The same seed gives the same world.
	Seed uint64
	// World is one of [Worlds]. Default mixed.
	World string
	// Users in the population, 1..5,000,000. Default 2,000.
	Users int
	// Start and End of the simulated time. Days begin in each person's own time zone.
	Start, End time.Time
	// Activity scales how much people do; 1 is about forty events per person and working day.
	Activity float64
	// Attacks is how many attacks of each kind fall into the time. Default: one per hundred users,
	// at least 3. Negative: none.
	Attacks int
	// AttackAfter is the share of the time that passes before the first attack. Default 0.3.
	AttackAfter float64
	// Only keeps the attackers to these kinds; empty means all.
	Only []Kind
	// OwnFactor says that apps ask for a second factor of their own before sensitive data, as apps
	// without riskd's flags do. Leave it off when a [Reactor] plays the apps.
	OwnFactor bool
	// Branches makes a replayed session appear under its own branch id, as riskd's SDK reports it.
	Branches bool
}

// DefaultConfig is four weeks of 2,000 people, ending at end.
func DefaultConfig(end time.Time) Config {
	return Config{Seed: 1, World: Mixed, Users: 2000, Start: end.Add(-28 * 24 * time.Hour), End: end, Activity: 1, AttackAfter: 0.3, Branches: true}
}

const maxUsers = 5_000_000

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !slices.Contains(Worlds(), c.World) {
		fault("world: %q is none of %s", c.World, strings.Join(Worlds(), ", "))
	}
	if c.Users < 1 || c.Users > maxUsers {
		fault("users: %d is not within 1..%d", c.Users, maxUsers)
	}
	if !c.End.After(c.Start) {
		fault("end: %s is not after start %s", c.End.Format(time.RFC3339), c.Start.Format(time.RFC3339))
	}
	if c.Start.Unix() < 0 {
		fault("start: before 1970")
	}
	if c.Activity <= 0 || c.Activity > 100 {
		fault("activity: %g is not within 0..100", c.Activity)
	}
	if c.AttackAfter < 0 || c.AttackAfter >= 1 {
		fault("attack_after: %g is not within 0..1", c.AttackAfter)
	}
	for _, k := range c.Only {
		if !slices.Contains(Attackers(), k) {
			fault("only: %q is no attacker", k)
		}
	}
	return errors.Join(faults...)
}

// World is one stream of events.
type World struct {
	cfg     Config
	atlas   *Atlas
	offices []office
	people  []*person
	queue   queue
	out     []Item
	outAt   int
	now     int64 // Unix milliseconds, simulated
	end     int64
	serial  uint64
	attacks int
}

// New draws the people; nothing has happened yet.
func New(cfg Config, atlas *Atlas) (*World, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("simulated world: %w", err)
	}
	if atlas == nil {
		return nil, fmt.Errorf("simulated world: %w", ErrNoGeo)
	}
	if cfg.Attacks == 0 {
		cfg.Attacks = max(3, cfg.Users/100)
	}
	w := &World{cfg: cfg, atlas: atlas, now: cfg.Start.UnixMilli(), end: cfg.End.UnixMilli()}
	w.found()
	w.people = make([]*person, cfg.Users)
	for i := range w.people {
		p := w.newPerson(i)
		w.people[i] = p
		w.queue.push(p.firstDay(w), p)
	}
	w.planAttacks()
	return w, nil
}

// Next is the next event in time; ok is false when the time is over.
func (w *World) Next() (item Item, ok bool) {
	for w.outAt == len(w.out) {
		w.out, w.outAt = w.out[:0], 0
		at, r, ok := w.queue.pop()
		if !ok || at >= w.end {
			return Item{}, false
		}
		w.now = at
		if next := r.step(w, at); next > 0 {
			w.schedule(next, r)
		}
	}
	item = w.out[w.outAt]
	w.out[w.outAt] = Item{}
	w.outAt++
	return item, true
}

// schedule never lets anything happen in the past.
func (w *World) schedule(at int64, r runner) { w.queue.push(max(at, w.now+1), r) }

// Events ranges over the rest of the stream.
func (w *World) Events() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for {
			it, ok := w.Next()
			if !ok || !yield(it) {
				return
			}
		}
	}
}

// Now is the simulated time reached.
func (w *World) Now() time.Time { return time.UnixMilli(w.now).UTC() }

// Place tells where a person lives, for displays.
func (w *World) Place(user string) string {
	for _, p := range w.people {
		if p.id == user {
			c := w.atlas.cities[p.home]
			return c.name + ", " + c.country
		}
	}
	return ""
}
