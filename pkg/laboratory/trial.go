package laboratory

import (
	"context"
	"fmt"
	"slices"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/wire"
)

// observer is a [Comparator] that also wants what is not a login.
type observer interface{ Observe(ev *event.Event) }

// Outcome is what a trial measured. Rows and columns are in the order of their names.
type Outcome struct {
	Comparators []string
	// Honest holds, per comparator and user, the scores of the user's logins in order, at most
	// [MaxScores] of each.
	Honest [][][]float64
	// Attacks holds, per kind and comparator, the scores of the attackers' first logins on
	// accounts that had at least one login before.
	Attacks map[simulate.Kind][][]float64
	// Logins and Events are totals of the honest.
	Logins, Events int
}

// MaxScores bounds how many scores of one user are kept, MaxAttacks how many of one kind of attack;
// later ones are scored and learned all the same, or, for attacks, left out.
const (
	MaxScores  = 1000
	MaxAttacks = 200_000
)

// Kinds are the attackers of the outcome, the known ones first and in their order.
func (o *Outcome) Kinds() []simulate.Kind {
	var kinds []simulate.Kind
	for _, k := range append(slices.Clone(LoginAttackers), Recorded...) {
		if o.Attacks[k] != nil {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Add pools another run of the same comparators: other users, other attacks, same thresholds for both.
func (o *Outcome) Add(other *Outcome) error {
	if !slices.Equal(o.Comparators, other.Comparators) {
		return fmt.Errorf("pooling outcomes of different methods: %v and %v", o.Comparators, other.Comparators)
	}
	for c := range o.Honest {
		o.Honest[c] = append(o.Honest[c], other.Honest[c]...)
	}
	for kind, scores := range other.Attacks {
		if o.Attacks[kind] == nil {
			o.Attacks[kind] = make([][]float64, len(o.Comparators))
		}
		for c := range scores {
			o.Attacks[kind][c] = append(o.Attacks[kind][c], scores[c]...)
		}
	}
	o.Logins += other.Logins
	o.Events += other.Events
	return nil
}

// stand is where comparators stand in a row: each login passes all of them.
type stand struct {
	comparators []Comparator
	gallery     *Gallery
	out         *Outcome
	rows        map[userKey]int
}

func newStand(comparators []Comparator, gallery *Gallery) *stand {
	s := &stand{comparators: comparators, gallery: gallery, rows: map[userKey]int{}}
	s.out = &Outcome{Attacks: map[simulate.Kind][][]float64{}, Honest: make([][][]float64, len(comparators))}
	for _, c := range comparators {
		s.out.Comparators = append(s.out.Comparators, c.Name())
	}
	return s
}

// honest lets every comparator score the login, then learn it. Note is what was odd about it.
func (s *stand) honest(ev *event.Event, note string) {
	s.out.Events++
	s.out.Logins++
	row, known := s.rows[keyOf(ev)]
	if !known {
		row = len(s.rows)
		s.rows[keyOf(ev)] = row
	}
	for i, c := range s.comparators {
		if !known {
			s.out.Honest[i] = append(s.out.Honest[i], nil)
		}
		scores := &s.out.Honest[i][row]
		v := c.Score(ev)
		if known && s.gallery != nil {
			s.gallery.see(c, ev, v, len(*scores), simulate.Honest, note)
		}
		if len(*scores) < MaxScores {
			*scores = append(*scores, v)
		}
		c.Learn(ev)
	}
}

// observe shows an honest event that is no login to those who want it.
func (s *stand) observe(ev *event.Event) {
	s.out.Events++
	for _, c := range s.comparators {
		if o, wants := c.(observer); wants {
			o.Observe(ev)
		}
	}
}

// attack lets every comparator score the login, and forget it. Logins on accounts never seen do not count.
func (s *stand) attack(kind simulate.Kind, ev *event.Event) {
	row, known := s.rows[keyOf(ev)]
	if !known {
		return
	}
	scores := s.out.Attacks[kind]
	if scores == nil {
		scores = make([][]float64, len(s.comparators))
		s.out.Attacks[kind] = scores
	}
	if len(scores) > 0 && len(scores[0]) >= MaxAttacks {
		return
	}
	for i, c := range s.comparators {
		v := c.Score(ev)
		if s.gallery != nil {
			s.gallery.see(c, ev, v, len(s.out.Honest[i][row]), kind, "")
		}
		scores[i] = append(scores[i], v)
	}
}

// Trial runs comparators over one simulated world.
type Trial struct {
	World       simulate.Config
	Comparators []Comparator
	// Gallery, when set, keeps the logins that our scorer got most wrong.
	Gallery *Gallery
	// Progress is called every so often with the simulated share of time passed, 0..1.
	Progress func(share float64)
}

const progressEvery = 20_000

// Run scores every login by every comparator, in event-time order, and then lets them learn
// the honest ones. Attack logins are scored and forgotten: each faces the owner's history only.
func (t *Trial) Run(ctx context.Context, atlas *simulate.Atlas, enricher *enrich.Enricher) (*Outcome, error) {
	world, err := simulate.New(t.World, atlas)
	if err != nil {
		return nil, err
	}
	s := newStand(t.Comparators, t.Gallery)
	hit := map[string]bool{}
	span := t.World.End.Sub(t.World.Start).Seconds()
	for n := 0; ; n++ {
		item, ok := world.Next()
		if !ok {
			return s.out, nil
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
		switch {
		case item.Truth.Kind != simulate.Honest:
			if _, known := s.rows[keyOf(&ev)]; login && known && !hit[item.Truth.Attack] {
				hit[item.Truth.Attack] = true
				s.attack(item.Truth.Kind, &ev)
			}
		case login:
			s.honest(&ev, note(&item.Truth))
		default:
			s.observe(&ev)
		}
	}
}

// note is what was odd about an honest person, for displays.
func note(t *simulate.Truth) string {
	switch {
	case t.Net != "" && t.Note != "":
		return words(t.Note) + ", by " + words(t.Net)
	case t.Net != "":
		return "by " + words(t.Net)
	}
	return words(t.Note)
}
