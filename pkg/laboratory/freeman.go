package laboratory

import (
	"math"
	"strconv"

	"github.com/riskd-io/riskd/pkg/risk/event"
)

// Weights of the levels, fine to coarse, as fitted by Wiefling et al. (ACM TOPS 2022) for their
// data set of 31 million logins and published with the RBA algorithm.
var (
	networkWeights = []float64{0.6, 0.3, 0.1}                                                                      // IP, ASN, country
	agentWeights   = []float64{0.5386653840551359, 0.2680451498625666, 0.18818295100109536, 0.0051065150812021525} // UA, browser, OS, class
)

// Token evidence in nats, the constants of our own reference formulas: a known token is
// log(0.001/0.90), a missing or foreign one on an account that has tokens log(0.999/0.10).
const (
	tokenKnown   = -6.80
	tokenMissing = 2.30
)

// Freeman is the model of Freeman et al. (NDSS 2016) as das-group published it for Wiefling et
// al. (2022), without attack data: the score is the product over features of global over local
// likelihood, times (1/users) over (user's logins / all logins). Its edge cases are kept: a
// value the user never showed counts global/4, only the finest global level is smoothed.
//
// A user without history divides by zero there; here such a login counts as one earlier login
// with nothing in common, which is the mildest reading.
type Freeman struct {
	token   bool
	global  [2]*levels
	local   map[userKey]*freemanUser
	logins  float64
	numUser float64
}

type freemanUser struct {
	features [2]*levels
	logins   float64
	tokens   map[string]bool
}

// levels counts the values of one hierarchical feature, fine to coarse.
type levels struct {
	counts []map[string]float64
}

func newLevels(n int) *levels {
	l := &levels{counts: make([]map[string]float64, n)}
	for i := range l.counts {
		l.counts[i] = map[string]float64{}
	}
	return l
}

func (l *levels) add(values []string) {
	for i, v := range values {
		l.counts[i][v]++
	}
}

// NewFreeman returns the plain model, or with token the one that also weighs a device token.
func NewFreeman(token bool) *Freeman {
	return &Freeman{
		token:  token,
		global: [2]*levels{newLevels(len(networkWeights)), newLevels(len(agentWeights))},
		local:  map[userKey]*freemanUser{},
	}
}

// Name implements [Comparator].
func (f *Freeman) Name() string {
	if f.token {
		return "freeman+token"
	}
	return "freeman"
}

// Score implements [Comparator]; the natural logarithm of the published score.
func (f *Freeman) Score(ev *event.Event) float64 {
	u := f.local[keyOf(ev)]
	n := 1.0
	if u != nil {
		n = u.logins
	}
	score := 0.0
	for i, weights := range [2][]float64{networkWeights, agentWeights} {
		values := featureValues(i, ev)
		global := f.globalLikelihood(f.global[i], weights, values)
		local := 0.0
		if u != nil {
			for j, v := range values {
				local += weights[j] * u.features[i].counts[j][v] / n
			}
		}
		if local == 0 {
			local = global / 4
		}
		score += math.Log(global / local)
	}
	all, users := math.Max(f.logins, 1), math.Max(f.numUser, 1)
	score += math.Log((1 / users) / (n / all))
	if f.token && u != nil {
		score += tokenEvidence(u.tokens, ev.Device)
	}
	return score
}

func tokenEvidence(known map[string]bool, token string) float64 {
	switch {
	case len(known) == 0:
		return 0
	case known[token]:
		return tokenKnown
	default:
		return tokenMissing
	}
}

// globalLikelihood is the weighted sum over levels; the finest one is smoothed by the number
// of values seen at the coarser levels.
func (f *Freeman) globalLikelihood(l *levels, weights []float64, values []string) float64 {
	sum := 0.0
	for j, v := range values {
		n := l.counts[j][v]
		if j > 0 {
			if f.logins > 0 {
				sum += weights[j] * n / f.logins
			}
			continue
		}
		unseen := 1.0
		for k := 1; k < len(l.counts); k++ {
			unseen += float64(len(l.counts[k]))
		}
		within := 1.0 // likelihood of the value among its own occurrences
		if n > 0 {
			own := float64(len(values)) // each coarser level has one value there, plus one unseen
			within = 1 - own/(n+own)
		}
		whole := 1 / (f.logins + unseen)
		if n > 0 {
			whole = n / f.logins * (1 - unseen/(f.logins+unseen))
		}
		sum += weights[j] * within * whole
	}
	return sum
}

// Learn implements [Comparator].
func (f *Freeman) Learn(ev *event.Event) {
	u := f.local[keyOf(ev)]
	if u == nil {
		u = &freemanUser{tokens: map[string]bool{}}
		u.features = [2]*levels{newLevels(len(networkWeights)), newLevels(len(agentWeights))}
		f.local[keyOf(ev)] = u
		f.numUser++
	}
	for i := range f.global {
		values := featureValues(i, ev)
		f.global[i].add(values)
		u.features[i].add(values)
	}
	if ev.Device != "" {
		u.tokens[ev.Device] = true
	}
	u.logins++
	f.logins++
}

// featureValues are the levels of feature 0 (network) or 1 (agent), fine to coarse.
func featureValues(feature int, ev *event.Event) []string {
	if feature == 0 {
		return []string{ev.Network.IP.String(), strconv.FormatUint(uint64(ev.Network.ASN), 10), ev.Network.Place.Country}
	}
	a := &ev.Agent
	return []string{
		a.Raw,
		a.Browser + " " + strconv.FormatUint(uint64(a.BrowserMajor), 10),
		a.OS + " " + strconv.FormatUint(uint64(a.OSMajor), 10),
		a.Class,
	}
}
