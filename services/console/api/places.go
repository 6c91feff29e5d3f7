package api

import (
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/story"
)

// Place is where events came from.
type Place struct {
	// Name is city and country in words.
	Name    string `json:"name"`
	Country string `json:"country"`
	City    string `json:"city"`
	// Located is whether Lat and Lon, in degrees, mean anything.
	Located bool    `json:"located"`
	Lat     float64 `json:"lat"`
	Lon     float64 `json:"lon"`
	// RadiusKM holds the device with 67 % confidence; 0 is unknown.
	RadiusKM float64 `json:"radiusKm"`
	Events   uint64  `json:"events"`
	Sessions uint64  `json:"sessions"`
	First    Moment  `json:"first"`
	Last     Moment  `json:"last"`
	// Networks are the organisations it was reached through.
	Networks []string `json:"networks"`
	// Here is whether the session itself was there; always true in a user's story.
	Here bool `json:"here"`
}

func place(p *story.Place, here bool) Place {
	return Place{Name: placeName(p), Country: p.Country, City: p.City, Located: p.Located, Lat: float64(p.Lat), Lon: float64(p.Lon), RadiusKM: float64(p.RadiusKM),
		Events: p.Events, Sessions: p.Sessions, First: Moment(p.First), Last: Moment(p.Last), Networks: list(p.Networks), Here: here}
}

func placeName(p *story.Place) string {
	if n := story.Where(story.Origin{City: p.City, Country: p.Country}); n != "" {
		return n
	}
	return "place unknown"
}

// places are those of the session, then the user's others.
func places(here, usual []story.Place) []Place {
	out, seen := []Place{}, map[string]bool{}
	for i := range here {
		out = append(out, place(&here[i], true))
		seen[placeName(&here[i])] = true
	}
	for i := range usual {
		if !seen[placeName(&usual[i])] {
			out = append(out, place(&usual[i], false))
		}
	}
	return out
}

// Arc is a way that would have to have been travelled.
type Arc struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Degrees of both ends.
	FromLat float64 `json:"fromLat"`
	FromLon float64 `json:"fromLon"`
	ToLat   float64 `json:"toLat"`
	ToLon   float64 `json:"toLon"`
	// Words say how far, how fast, and whether that can be.
	Words string `json:"words"`
	Time  Moment `json:"time"`
	// Event is where it stands in the story.
	Event string `json:"event"`
}

// maxArcs bounds the ways drawn on one map.
const maxArcs = 12

// arcs are the ways that the travel evidence of a session speaks of, as far as both ends are known places.
func arcs(entries []story.Entry, here, usual []story.Place) []Arc {
	known := map[string]*story.Place{}
	for _, set := range [][]story.Place{usual, here} {
		for i := range set {
			if set[i].Located {
				known[placeName(&set[i])] = &set[i]
			}
		}
	}
	out, seen := []Arc{}, map[string]bool{}
	for i := range entries {
		d := entries[i].Decision
		if d == nil || len(out) == maxArcs {
			continue
		}
		for k, line := range story.Explain(d.Parts) {
			if line.Code != score.ImpossibleTravel {
				continue
			}
			var from, to string
			for _, in := range d.Parts[k].Detail {
				switch in.Key {
				case "from":
					from = in.Text
				case "to":
					to = in.Text
				}
			}
			a, b := known[from], known[to]
			if a == nil || b == nil || a == b || seen[from+"\x00"+to] {
				continue
			}
			seen[from+"\x00"+to] = true
			out = append(out, Arc{From: from, To: to, FromLat: float64(a.Lat), FromLon: float64(a.Lon), ToLat: float64(b.Lat), ToLon: float64(b.Lon),
				Words: line.Words, Time: Moment(d.Time), Event: d.EventID})
		}
	}
	return out
}
