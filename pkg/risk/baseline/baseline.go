// Package baseline is what is usual for people in general: how common a country, a kind of device, an
// hour or an action is. It keeps day one from being blind, and it tells rare from merely new.
//
// A baseline is a versioned artefact: a JSON document, parsed once, named in every decision. [Default] is
// shipped with riskd; a job builds better ones from an installation's own history with the same schema.
//
// A parsed Baseline is immutable and safe for concurrent use.
package baseline

import (
	_ "embed"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Floors of what is not listed. A value nobody listed is rare, never impossible.
const (
	rareCountry = 0.0005
	rareAgent   = 0.01
	rareAction  = 0.002
)

// Baseline answers what is usual. Make one with Parse.
type Baseline struct {
	doc       Document
	countries [26 * 26]float64
	hours     [2][24]float64
	asns      map[uint32]float64
	actions   map[uint32]float64
	agents    table
	groups    map[string]*Baseline
}

//go:embed default.json
var defaultJSON []byte

// Default is the shipped baseline.
func Default() *Baseline {
	b, err := Parse(defaultJSON)
	if err != nil {
		panic("baseline: the embedded default is broken: " + err.Error())
	}
	return b
}

// For is the baseline of a tenant: its group's, or this one.
func (b *Baseline) For(tenant string) *Baseline {
	if g := b.groups[tenant]; g != nil {
		return g
	}
	return b
}

func countryIndex(key uint32) int {
	return int(key>>8-'A')*26 + int(key&0xff-'A')
}

// Version names the artefact.
func (b *Baseline) Version() string { return b.doc.Version }

// Document returns the parsed document, for display; do not change what its maps hold.
func (b *Baseline) Document() Document { return b.doc }

// Network is the share of a value at a level (0 country .. 3 host) inside the coarser one.
func (b *Baseline) Network(level int, key uint32) float64 {
	switch level {
	case 0:
		return b.countries[countryIndex(key)]
	case 1:
		if v, ok := b.asns[key]; ok {
			return v
		}
		return b.doc.ASN
	case 2:
		return b.doc.Prefix
	default:
		return b.doc.Host
	}
}

// Agent is the share of a value at a level (0 class .. 3 major) inside the coarser one.
func (b *Baseline) Agent(level int, parent, key uint32) float64 {
	switch level {
	case 0:
		if v := b.agents.find(key); v > 0 {
			return v
		}
	case 1, 2:
		if v := b.agents.find(profile.Mix32(parent, key)); v > 0 {
			return v
		}
	default:
		return b.doc.Major
	}
	return rareAgent
}

// Networks are the shares along a path of networks, each inside the coarser one.
func (b *Baseline) Networks(path *profile.Path) (shares [profile.MaxLevels]float64) {
	for level, key := range path {
		if key != 0 {
			shares[level] = b.Network(level, key)
		}
	}
	return shares
}

// Agents are the shares along a path of user agents, each inside the coarser one that is known.
func (b *Baseline) Agents(path *profile.Path) (shares [profile.MaxLevels]float64) {
	parent := uint32(0)
	for level, key := range path {
		if key != 0 {
			shares[level] = b.Agent(level, parent, key)
			parent = key
		}
	}
	return shares
}

// Hour is the share of a local hour 0..23, on a weekday or in the weekend.
func (b *Baseline) Hour(weekend bool, hour int) float64 {
	if weekend {
		return b.hours[1][hour]
	}
	return b.hours[0][hour]
}

// AnyHour is the share of an hour when the place, and so the local time, is unknown.
func (b *Baseline) AnyHour() float64 { return 1.0 / 24 }

// Action is the share of an action.
func (b *Baseline) Action(key uint32) float64 {
	if v, ok := b.actions[key]; ok {
		return v
	}
	return rareAction
}

// MissingToken is how often legitimate events carry no known device token.
func (b *Baseline) MissingToken() float64 { return b.doc.MissingToken }
