package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// History calls each with what people did since then, user by user and in each user's order, as far as it
// tells what is usual: failures, machines and sessions that were denied or left their challenge unanswered are
// left out. The event is valid until each returns and carries only time, user, device, action, country, network,
// longitude and browser.
func (r *Reader) History(ctx context.Context, since time.Time, each func(*event.Event) error) error {
	var ev event.Event
	return r.ask(ctx, "history", args{"since": since}, func(rows driver.Rows) error {
		ev = event.Event{Type: event.Activity, Outcome: event.Success, User: event.User{Kind: event.Person}}
		var at time.Time
		var lon float64
		if err := rows.Scan(&ev.Tenant, &ev.User.ID, &ev.Device, &ev.Action, &at, &ev.Network.Place.Country, &ev.Network.Place.Known, &lon, &ev.Network.ASN,
			&ev.Agent.Class, &ev.Agent.OS, &ev.Agent.Browser); err != nil {
			return err
		}
		ev.Time, ev.Network.Place.Lon = event.Millis(at.UnixMilli()), lon
		return each(&ev)
	})
}
