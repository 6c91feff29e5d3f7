package story

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Calibration is one step of the reliability curve: what the risk said of sessions and events, and what they were.
type Calibration struct {
	// From is where the step of ten points begins.
	From uint8
	// Known are those about which it is known, Attacks those that were attacks.
	Known, Attacks uint64
	// Said is the mean risk, Was the share of attacks; percent.
	Said, Was float64
	// ByChallenge and ByLabel tell how it is known.
	ByChallenge, ByLabel uint64
}

// Calibration compares the risk with what turned out since a moment of riskd's clock, by steps of ten points.
func (r *Reader) Calibration(ctx context.Context, tenant string, since time.Time) ([]Calibration, error) {
	var out []Calibration
	err := r.ask(ctx, "calibration", args{"tenant": tenant, "since": since}, func(rows driver.Rows) error {
		var c Calibration
		err := rows.Scan(&c.From, &c.Known, &c.Attacks, &c.Said, &c.Was, &c.ByChallenge, &c.ByLabel)
		out = append(out, c)
		return err
	})
	return out, err
}
