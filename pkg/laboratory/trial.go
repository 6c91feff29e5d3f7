package laboratory

import (
	"context"
	"fmt"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/wire"
)

// observer is a [Comparator] that also wants what is not a login.
type observer interface{ Observe(ev *event.Event) }

// Trial runs comparators over one simulated world.
type Trial struct {
	World       simulate.Config
	Comparators []Comparator
	// Progress is called every so often with the simulated share of time passed, 0..1.
	Progress func(share float64)
}

// Outcome is what a trial measured. Rows and columns are in the order of their names.
type Outcome struct {
	Comparators []string
	// Honest holds, per comparator and user, the scores of the user's logins in order.
	Honest [][][]float64
	// Attacks holds, per kind and comparator, the scores of the attackers' first logins on
	// accounts that had at least one login before.
	Attacks map[simulate.Kind][][]float64
	// Logins and Events are totals of the honest.
	Logins, Events int
}

const progressEvery = 20_000

// Run scores every login by every comparator, in event-time order, and then lets them learn
// the honest ones. Attack logins are scored and forgotten: each faces the owner's history only.
func (t *Trial) Run(ctx context.Context, atlas *simulate.Atlas, enricher *enrich.Enricher) (*Outcome, error) {
	world, err := simulate.New(t.World, atlas)
	if err != nil {
		return nil, err
	}
	out := &Outcome{Attacks: map[simulate.Kind][][]float64{}, Honest: make([][][]float64, len(t.Comparators))}
	for _, c := range t.Comparators {
		out.Comparators = append(out.Comparators, c.Name())
	}
	rows := map[userKey]int{}
	hit := map[string]bool{}
	span := t.World.End.Sub(t.World.Start).Seconds()
	for n := 0; ; n++ {
		item, ok := world.Next()
		if !ok {
			return out, nil
		}
		if n%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if t.Progress != nil {
				t.Progress(world.Now().Sub(t.World.Start).Seconds() / span)
			}
		}
		var ev event.Event
		if err := wire.ToEvent(item.Event, enricher.Enrich(item.Event, item.Event.TimeMs), &ev); err != nil {
			return nil, fmt.Errorf("simulated event %s: %w", item.Event.Id, err)
		}
		login := ev.Type == event.Activity && ev.Action == "auth.login" && ev.Outcome == event.Success && ev.User.Kind == event.Person
		if item.Truth.Kind != simulate.Honest {
			if _, known := rows[keyOf(&ev)]; login && known && !hit[item.Truth.Attack] {
				hit[item.Truth.Attack] = true
				t.attack(out, item.Truth.Kind, &ev)
			}
			continue
		}
		out.Events++
		if login {
			t.honest(out, rows, &ev)
			continue
		}
		for _, c := range t.Comparators {
			if o, wants := c.(observer); wants {
				o.Observe(&ev)
			}
		}
	}
}

func (t *Trial) honest(out *Outcome, rows map[userKey]int, ev *event.Event) {
	out.Logins++
	row, known := rows[keyOf(ev)]
	if !known {
		row = len(rows)
		rows[keyOf(ev)] = row
	}
	for i, c := range t.Comparators {
		if !known {
			out.Honest[i] = append(out.Honest[i], nil)
		}
		out.Honest[i][row] = append(out.Honest[i][row], c.Score(ev))
		c.Learn(ev)
	}
}

func (t *Trial) attack(out *Outcome, kind simulate.Kind, ev *event.Event) {
	scores := out.Attacks[kind]
	if scores == nil {
		scores = make([][]float64, len(t.Comparators))
		out.Attacks[kind] = scores
	}
	for i, c := range t.Comparators {
		scores[i] = append(scores[i], c.Score(ev))
	}
}
