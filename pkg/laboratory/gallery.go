package laboratory

import (
	"slices"
	"sort"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// Exhibit is one login with the reasons of its score.
type Exhibit struct {
	Kind simulate.Kind
	User string
	// Score in nats, over the parts.
	Score float64
	Parts []decision.Part
	// History is how many logins the user had before; Note what was odd about an honest one.
	History int
	Note    string
	// Where the login came from.
	Network event.Network
	Agent   event.AgentInfo
	Time    event.Millis
	// Action and Risk, 0..100, of events that are no logins.
	Action string
	Risk   float64
}

// Gallery keeps what our scorer got most wrong: attacks of one kind that scored lowest, and honest logins
// that scored highest. First logins of a user are left out; nobody knows better.
type Gallery struct {
	Kind simulate.Kind
	// Most is how many of each are kept. Default 10.
	Most int
	// Attacks come lowest first, Honest highest first.
	Attacks, Honest []Exhibit
	// scores of all, to say where an exhibit stands.
	attackScores, honestScores []float64
}

const galleryDefault = 10

// see looks at a login just scored.
func (g *Gallery) see(c Comparator, ev *event.Event, score float64, history int, kind simulate.Kind, note string) {
	ours, ok := c.(*Riskd)
	if !ok || ours.name != Ours || kind != simulate.Honest && kind != g.Kind {
		return
	}
	exhibit := func() Exhibit {
		x := Exhibit{Kind: kind, User: ev.User.ID, Score: score, History: history, Note: note, Network: ev.Network, Agent: ev.Agent, Time: ev.Time}
		for _, p := range ours.d.Parts {
			p.Detail = slices.Clone(p.Detail)
			x.Parts = append(x.Parts, p)
		}
		return x
	}
	if kind == simulate.Honest {
		g.honestScores = append(g.honestScores, score)
		g.Honest = g.keep(g.Honest, score, exhibit, func(a, b float64) bool { return a > b })
		return
	}
	g.attackScores = append(g.attackScores, score)
	g.Attacks = g.keep(g.Attacks, score, exhibit, func(a, b float64) bool { return a < b })
}

// keep inserts in order and drops the last when there are too many.
func (g *Gallery) keep(list []Exhibit, score float64, exhibit func() Exhibit, before func(a, b float64) bool) []Exhibit {
	most := g.Most
	if most == 0 {
		most = galleryDefault
	}
	i := sort.Search(len(list), func(i int) bool { return before(score, list[i].Score) })
	if i >= most {
		return list
	}
	list = slices.Insert(list, i, exhibit())
	return list[:min(len(list), most)]
}

// Overlap says how many honest logins score at least as high as the threshold that catches the share tpr of the
// attacks seen, of how many, and that threshold in nats.
func (g *Gallery) Overlap(tpr float64) (above, of int, threshold float64) {
	threshold = thresholdAt(g.attackScores, tpr)
	for _, s := range g.honestScores {
		if s >= threshold {
			above++
		}
	}
	return above, len(g.honestScores), threshold
}

// Seen is how many attacks of the kind there were.
func (g *Gallery) Seen() int { return len(g.attackScores) }
