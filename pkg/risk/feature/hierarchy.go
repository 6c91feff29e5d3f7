package feature

import (
	"github.com/riskd-io/riskd/pkg/risk/numeric"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// surprise is the likelihood ratio of one value at one level, population against user, as numerator and denominator;
// its logarithm is evidence in nats.
//
//	new value:   (c+k) / (k + d*kinds)
//	known value: imitated + (1-imitated) * q/p,
//	             p = ( own - d*min(1,own) + (k + d*kinds)*q ) / (c+k)
//
// where c is what the user did at this level, own what was this value, kinds how many different values
// there were, q the population's share, k the strength of the prior, d how much of each kind's first observation speaks
// for more kinds to come (Pitman-Yor: somebody who was seen on many networks once each will soon be on
// another), and imitated the share of attackers who choose the victim's own value on purpose: a country is chosen easily, an address hardly. All sums are decayed. Without
// history both are exactly 1; the surprise of a new value grows with history and shrinks with variety.
// each is the inverse of the present weight of one observation.
func surprise(st *profile.Step, each, k, d, q, imitated float64) (num, den float64) {
	all := float64(float64(st.Siblings)*each) + k
	fresh := k + float64(d*float64(st.Kinds)*each)
	if st.Node < 0 {
		return all, fresh
	}
	own := float64(float64(st.Own) * each)
	p := own - float64(d*min(1, own)) + float64(fresh*q)
	return float64(imitated*p) + float64(float64((1-imitated)*q)*all), p
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
	// node is the index of the finest known value.
	node int
}

// ladder is the model of one hierarchy, level by level: strength of the prior and discount (k and d of [surprise]), and
// share of imitating attackers.
type ladder struct{ strength, discount, imitated [profile.MaxLevels]float64 }

// descend walks a path down a tree. shares are the population's of each key inside the coarser one.
func descend(t *profile.Tree, path *profile.Path, shares *[profile.MaxLevels]float64, unit float64, model *ladder) descent {
	r := descent{unseen: -1, node: -1}
	one, each := uint32(max(1, numeric.Round(unit))), 1/unit
	num, den := 1.0, 1.0 // products of at most four terms between a millionth and some millions
	steps := t.Walk(path, one)
	for level, key := range path {
		if key == 0 {
			continue
		}
		r.depth++
		st := &steps[level]
		n, d := surprise(st, each, model.strength[level], model.discount[level], shares[level], model.imitated[level])
		num, den = float64(num*n), float64(den*d)
		if st.Node < 0 {
			r.unseen = level
			r.history = float64(st.Siblings) * each
			r.kinds = float64(st.Kinds) * each
			break
		}
		r.node = st.Node
	}
	r.nats = numeric.Log(num / den)
	return r
}
