package laboratory

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/wire"
)

// The attackers of a recorded data set: logins marked as account take-overs, and other attempts from
// addresses known for attacks, scored as if the password had been right.
const (
	RecordedTakeover simulate.Kind = "account_takeover"
	RecordedAttackIP simulate.Kind = "attack_ip"
)

// Recorded lists them.
var Recorded = []simulate.Kind{RecordedTakeover, RecordedAttackIP}

// Replay runs comparators over the RBA data set. There are no positions in it, so travel cannot be
// judged, and no device tokens; countries and networks are taken as given.
type Replay struct {
	Comparators []Comparator
	Gallery     *Gallery
	// Progress is called every so often with the rows read.
	Progress func(rows int)
	// Rows read, bad ones among them with the first fault, and rows that went back in time.
	Rows, Bad, Backwards int
	FirstBad             error
}

// Run reads to the end. The enricher should have no geo data: what the set says wins.
func (p *Replay) Run(ctx context.Context, in *RBAReader, enricher *enrich.Enricher) (*Outcome, error) {
	s := newStand(p.Comparators, p.Gallery)
	last := int64(0)
	for {
		row, err := in.Next()
		if err == io.EOF {
			return s.out, nil
		}
		p.Rows++
		var bad *BadRowError
		if errors.As(err, &bad) {
			p.Bad++
			p.FirstBad = earlier(p.FirstBad, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the data set: %w", err)
		}
		if p.Rows%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if p.Progress != nil {
				p.Progress(p.Rows)
			}
		}
		if row.Event.TimeMs < last {
			p.Backwards++
		}
		last = max(last, row.Event.TimeMs)
		around := enricher.Enrich(row.Event, row.Event.TimeMs)
		if row.Takeover || row.AttackIP {
			row.Event.Outcome = "success" // had the password been right
		}
		var ev event.Event
		if err := wire.ToEvent(row.Event, around, &ev); err != nil {
			p.Bad++
			p.FirstBad = earlier(p.FirstBad, err)
			continue
		}
		switch {
		case row.Takeover:
			s.attack(RecordedTakeover, &ev)
		case row.AttackIP:
			s.attack(RecordedAttackIP, &ev)
		case row.Success:
			s.honest(&ev, "")
		default:
			s.observe(&ev)
		}
	}
}

func earlier(first, then error) error {
	if first != nil {
		return first
	}
	return then
}
