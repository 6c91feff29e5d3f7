package feature

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// Surprise is the log-likelihood ratio of one value at one level, population against user, in nats.
//
//	new value:   ln( (c+k) / (k + d*kinds) )
//	known value: ln( imitated + (1-imitated) * q/p ),
//	             p = ( own - d*min(1,own) + (k + d*kinds)*q ) / (c+k)
//
// where c is what the user did at this level, own what was this value, kinds how many different values
// there were, q the population's share, k the strength of the prior, d how much of each kind's first observation speaks
// for more kinds to come (Pitman-Yor: somebody who was seen on many networks once each will soon be on
// another), and imitated the share of attackers who choose the victim's own value on purpose: a country is chosen easily, an address hardly. All sums are decayed. Without
// history both are exactly 0; the surprise of a new value grows with history and shrinks with variety.
func Surprise(st profile.Step, unit, k, d, q, imitated float64) float64 {
	c := float64(st.Siblings) / unit
	fresh := k + d*float64(st.Kinds)/unit
	if st.Node < 0 {
		return math.Log((c + k) / fresh)
	}
	own := float64(st.Own) / unit
	p := (own - d*math.Min(1, own) + fresh*q) / (c + k)
	return math.Log(imitated + (1-imitated)*q/p)
}

// descent is the walk down a hierarchy.
type descent struct {
	// nats is the sum over known levels and the first new one; below that nothing more is learned.
	nats float64
	// unseen is the first level never seen, -1 when all were.
	unseen int
	// history and kinds at that level, in present observations.
	history, kinds float64
	// depth counts the levels that could be looked at.
	depth int
	// own is what the finest known level was seen, in present observations.
	own float64
	// node is the index of the finest known value.
	node int
}

// ladder is the model of one hierarchy, level by level: strength of the prior and discount (k and d of [Surprise]), and
// share of imitating attackers.
type ladder struct{ strength, discount, imitated [profile.MaxLevels]float64 }

// descend walks a path down a tree. share gives the population's share of the key at a level.
func descend(t *profile.Tree, path profile.Path, unit float64, model *ladder,
	share func(level int, parent, key uint32) float64) descent {
	r := descent{unseen: -1, node: -1}
	one := uint32(math.Max(1, math.Round(unit)))
	parent, parentKey := -1, uint32(0)
	for level, key := range path {
		if key == 0 {
			continue
		}
		r.depth++
		st := t.Lookup(parent, level, key, one)
		r.nats += Surprise(st, unit, model.strength[level], model.discount[level], share(level, parentKey, key), model.imitated[level])
		if st.Node < 0 {
			r.unseen = level
			r.history = float64(st.Siblings) / unit
			r.kinds = float64(st.Kinds) / unit
			r.own = 0
			return r
		}
		r.own = float64(st.Own) / unit
		r.node, parent, parentKey = st.Node, st.Node, key
	}
	return r
}
