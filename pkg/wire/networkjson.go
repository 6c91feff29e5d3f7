package wire

import (
	"math"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func (sc *scanner) network(ev *riskdv1.Event) {
	if !sc.object("network") {
		return
	}
	n, seen := part(&ev.Network), uint32(0)
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "ip":
			sc.once(&seen, 1, "network.ip")
			n.Ip = sc.text("network.ip")
		case "rtt_ms":
			sc.once(&seen, 2, "network.rtt_ms")
			n.RttMs = sc.millis("network.rtt_ms")
		case "geo":
			sc.once(&seen, 4, "network.geo")
			sc.geo(n)
		case "asn":
			sc.once(&seen, 8, "network.asn")
			n.Asn = uint32(sc.whole("network.asn", math.MaxUint32))
		case "as_org":
			sc.once(&seen, 16, "network.as_org")
			n.AsOrg = sc.text("network.as_org")
		case "kind":
			sc.once(&seen, 32, "network.kind")
			n.Kind = sc.text("network.kind")
		default:
			sc.skip()
		}
	}
}

// millis reads a duration in milliseconds, rounded; above MaxRTT it is unknown.
func (sc *scanner) millis(field string) uint32 {
	f, _ := sc.number(field)
	if f < 0 && sc.err == nil {
		sc.err = invalid(ReasonBadValue, field+": negative")
	}
	if f > MaxRTT {
		return 0
	}
	return uint32(math.Round(f))
}

func (sc *scanner) geo(n *riskdv1.Network) {
	if !sc.object("network.geo") {
		return
	}
	g, seen := part(&n.Geo), uint32(0)
	var hasLat, hasLon bool
	for first := true; sc.more(&first, '}'); {
		switch sc.key() {
		case "lat":
			sc.once(&seen, 1, "network.geo.lat")
			g.Lat, hasLat = sc.number("network.geo.lat")
		case "lon":
			sc.once(&seen, 2, "network.geo.lon")
			g.Lon, hasLon = sc.number("network.geo.lon")
		case "accuracy_km":
			sc.once(&seen, 4, "network.geo.accuracy_km")
			g.AccuracyKm, _ = sc.number("network.geo.accuracy_km")
		case "country":
			sc.once(&seen, 8, "network.geo.country")
			g.Country = sc.text("network.geo.country")
		case "city":
			sc.once(&seen, 16, "network.geo.city")
			g.City = sc.text("network.geo.city")
		default:
			sc.skip()
		}
	}
	if hasLat && hasLon {
		g.AtOrigin = g.Lat == 0 && g.Lon == 0
	} else { // half a position is none
		g.Lat, g.Lon, g.AccuracyKm = 0, 0, 0
	}
}
