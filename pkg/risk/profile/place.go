package profile

import (
	"math"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// EarthRadius is the mean radius in km that all distances use.
const EarthRadius = 6371.0088

// ClusterRadius is how near two positions must be to be one place, km.
const ClusterRadius = 100.0

// Sighting is a position at a time, with its uncertainty, at the resolution a profile keeps.
type Sighting struct {
	// Lat and Lon in thousandths of a degree (about 110 m).
	Lat, Lon int32
	// Radius of the 67 % circle, km; 0 is unknown.
	Radius uint16
	Kind   event.NetworkKind
	// ASN of the network and key of the country, 0 when unknown.
	ASN, Country uint32
	// At, whole seconds.
	At event.Millis
	// Name such as "London, GB".
	Name string
}

// Known tells whether there is a position at all.
func (s *Sighting) Known() bool { return s.At != 0 }

// Place is a cluster of proven positions.
type Place struct {
	Sighting
	// Since is when the present stay began: the first of sightings less than 12 hours apart. Sighting.At is the last.
	Since event.Millis
	// Weight is the faded sum of proven sightings.
	Weight uint32
}

// Move is a proven move that the speed bound held to be unlikely: evidence that these two places are
// one for this user (a home and the exit of a company network, say).
type Move struct {
	A, B   uint8 // indices into Places, A < B
	Weight uint32
}

const stay = 12 * 60 * 60 * 1000

// Distance between two positions along the great circle, km. Coordinates in thousandths of a degree.
func Distance(lat1, lon1, lat2, lon2 int32) float64 {
	if lat1 == lat2 && lon1 == lon2 {
		return 0
	}
	const rad = math.Pi / 180000
	a1, a2 := float64(lat1)*rad, float64(lat2)*rad
	s1 := math.Sin((a2 - a1) / 2)
	s2 := math.Sin((float64(lon2)*rad - float64(lon1)*rad) / 2)
	// The explicit conversions forbid fused multiply-add, which would differ between machines.
	h := float64(s1*s1) + float64(float64(math.Cos(a1)*math.Cos(a2))*float64(s2*s2))
	return 2 * EarthRadius * math.Asin(math.Sqrt(min(1, h)))
}

// PlaceNear returns the index of the place nearest to a position within [ClusterRadius], or -1.
func (p *Profile) PlaceNear(lat, lon int32) int {
	best, least := -1, ClusterRadius
	for i := range p.Places {
		if d := Distance(p.Places[i].Lat, p.Places[i].Lon, lat, lon); d < least {
			best, least = i, d
		}
	}
	return best
}

// LearnPlace adds a proven sighting and returns its place.
func (p *Profile) LearnPlace(s Sighting, weight uint32) int {
	i := p.PlaceNear(s.Lat, s.Lon)
	if i < 0 {
		if len(p.Places) >= MaxPlaces {
			p.evictPlace()
		}
		s.Name = cut(s.Name, 48)
		p.Places = append(p.Places, Place{Sighting: s, Since: s.At, Weight: weight})
		return len(p.Places) - 1
	}
	pl := &p.Places[i]
	pl.Weight = saturate(pl.Weight, weight)
	if pl.Weight > maxWeight {
		p.fadePlaces(1)
	}
	switch {
	case s.At > pl.At:
		if s.At-pl.At > stay {
			pl.Since = s.At
		}
		since, w := pl.Since, pl.Weight
		if s.Name == pl.Name {
			s.Name = pl.Name
		} else {
			s.Name = cut(s.Name, 48)
		}
		*pl = Place{Sighting: s, Since: since, Weight: w}
	case s.At < pl.Since && pl.Since-s.At <= stay:
		pl.Since = s.At
	}
	return i
}

// LearnMove adds a proven unlikely move between two places.
func (p *Profile) LearnMove(a, b int, weight uint32) {
	if a == b || a < 0 || b < 0 {
		return
	}
	if a > b {
		a, b = b, a
	}
	for i := range p.Moves {
		if m := &p.Moves[i]; int(m.A) == a && int(m.B) == b {
			m.Weight = min(saturate(m.Weight, weight), maxWeight)
			return
		}
	}
	if len(p.Moves) >= MaxMoves {
		least := 0
		for i := range p.Moves {
			if p.Moves[i].Weight < p.Moves[least].Weight {
				least = i
			}
		}
		p.Moves = append(p.Moves[:least], p.Moves[least+1:]...)
	}
	p.Moves = append(p.Moves, Move{A: uint8(a), B: uint8(b), Weight: weight})
}

// MoveWeight is the sum of proven unlikely moves between two places.
func (p *Profile) MoveWeight(a, b int) uint32 {
	if a > b {
		a, b = b, a
	}
	for i := range p.Moves {
		if int(p.Moves[i].A) == a && int(p.Moves[i].B) == b {
			return p.Moves[i].Weight
		}
	}
	return 0
}

func (p *Profile) evictPlace() {
	least := 0
	for i := range p.Places {
		if p.Places[i].Weight < p.Places[least].Weight {
			least = i
		}
	}
	p.removePlace(least)
}

func (p *Profile) removePlace(i int) {
	p.Places = append(p.Places[:i], p.Places[i+1:]...)
	kept := p.Moves[:0]
	for _, m := range p.Moves {
		if int(m.A) == i || int(m.B) == i {
			continue
		}
		if int(m.A) > i {
			m.A--
		}
		if int(m.B) > i {
			m.B--
		}
		kept = append(kept, m)
	}
	p.Moves = kept
}

func (p *Profile) fadePlaces(n uint) {
	for i := range p.Moves {
		p.Moves[i].Weight = shift(p.Moves[i].Weight, n)
	}
	for i := len(p.Places) - 1; i >= 0; i-- {
		if p.Places[i].Weight = shift(p.Places[i].Weight, n); p.Places[i].Weight == 0 {
			p.removePlace(i)
		}
	}
}

// cut copies a text, which may alias a message's memory, and bounds it.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.Clone(s)
}
