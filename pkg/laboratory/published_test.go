package laboratory

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// at puts a login somewhere; hour counts from 15 days after the epoch, so that learning times are over.
func at(lat, lon float64, country, ip, agent string, hour float64) *event.Event {
	ev := login("u1", ip, 1, country, agent, "", 0)
	ev.Time = event.Millis((15*24 + hour) * 3.6e6)
	ev.Network.Place = event.Place{Known: true, Lat: lat, Lon: lon, RadiusKM: 20, Country: country, City: country + " city"}
	return ev
}

func paris(hour float64, ip string) *event.Event   { return at(48.86, 2.35, "FR", ip, "A", hour) }
func newYork(hour float64, ip string) *event.Event { return at(40.71, -74.01, "US", ip, "A", hour) }

// started has one login fifteen days ago and one in Paris at hour 0.
func started(c Comparator) Comparator {
	c.Learn(paris(-15*24, "192.0.2.1"))
	c.Learn(paris(0, "192.0.2.1"))
	return c
}

// The verdicts are those worked out from each system's published formula. Paris to New York is 5,837 km.
func TestPublishedRulesGiveTheVerdictsOfTheirFormulas(t *testing.T) {
	for _, c := range []struct {
		name  string
		rule  Comparator
		ev    *event.Event
		fires bool
		limit float64
	}{
		{"authentik counts days for hours: refused after 9 h", NewAuthentik(false), newYork(9, "198.51.100.1"), true, 0},
		{"and after 100 h", NewAuthentik(false), newYork(100, "198.51.100.1"), true, 0},
		{"and allowed after 6 days", NewAuthentik(false), newYork(6*24+1, "198.51.100.1"), false, 0},
		{"fixed, 9 h is a flight", NewAuthentik(true), newYork(9, "198.51.100.1"), false, 0},
		{"fixed, 2 h is not", NewAuthentik(true), newYork(2, "198.51.100.1"), true, 0},
		{"panther fires on 2 h", NewPanther(), newYork(2, "198.51.100.1"), true, 900},
		{"panther lets 9 h pass", NewPanther(), newYork(9, "198.51.100.1"), false, 900},
		{"panther forgets after a day", NewPanther(), newYork(25, "198.51.100.1"), false, 900},
		{"buffalogs fires on an honest flight", NewBuffaLogs(), newYork(9, "198.51.100.1"), true, 1},
		{"buffalogs believes a phone", NewBuffaLogs(), at(48.86, 2.35, "FR", "198.51.100.1", "Android", 1), false, 1},
		{"bcgov fires in the same second", NewBCGov(), newYork(0, "198.51.100.1"), true, 0},
		{"bcgov lets 9 h pass", NewBCGov(), newYork(9, "198.51.100.1"), false, 0},
		{"keycloak: all known", NewKeycloakAdaptive(), paris(1, "192.0.2.1"), false, 0},
		{"keycloak: a new address alone is medium", NewKeycloakAdaptive(), paris(1, "192.0.2.77"), true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := started(c.rule).Score(c.ev)
			if (got >= c.limit) != c.fires {
				t.Errorf("got %v, limit %v; want fires %v", got, c.limit, c.fires)
			}
		})
	}
}
