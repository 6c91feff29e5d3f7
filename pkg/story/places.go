package story

import (
	"context"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Place is where events came from.
type Place struct {
	Country, City string
	Located       bool
	Lat, Lon      float64
	// RadiusKM is the mean radius that holds the device with 67 % confidence; 0 is unknown.
	RadiusKM    float32
	Events      uint64
	Sessions    uint64
	First, Last time.Time
	Networks    []string
}

// places asks a question whose rows are places.
func (r *Reader) places(ctx context.Context, name string, a args) ([]Place, error) {
	var out []Place
	err := r.ask(ctx, name, a, func(rows driver.Rows) error {
		var p Place
		var radius float64
		err := rows.Scan(&p.Country, &p.City, &p.Lat, &p.Lon, &p.Located, &radius, &p.Events, &p.Sessions, &p.First, &p.Last, &p.Networks)
		if !math.IsNaN(radius) {
			p.RadiusKM = float32(radius)
		}
		out = append(out, p)
		return err
	})
	return out, err
}

// mostPlaces bounds the places of one map.
const mostPlaces = 40

// SessionPlaces are where a session's events came from, in the order of arrival.
func (r *Reader) SessionPlaces(ctx context.Context, tenant, session string) ([]Place, error) {
	return r.places(ctx, "session_places", args{"tenant": tenant, "session": session, "limit": limit(mostPlaces)})
}

// UserPlaces are where a user's events came from since a moment of event time, the most usual first.
func (r *Reader) UserPlaces(ctx context.Context, tenant, user string, since time.Time) ([]Place, error) {
	return r.places(ctx, "user_places", args{"tenant": tenant, "user": user, "since": since, "limit": limit(mostPlaces)})
}
