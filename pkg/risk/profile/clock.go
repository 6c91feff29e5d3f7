package profile

import (
	"math"

	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/numeric"
)

const day = event.Millis(24 * 60 * 60 * 1000)

// Half lives: how long until an observation counts half.
const (
	NetworkHalfLife  = 60 * day
	DeviceHalfLife   = 90 * day
	ActivityHalfLife = 30 * day
)

// Counts refer to the clock's landmark: an observation at t weighs One * 2^((t-epoch)/half life), and the
// present value of a sum is that sum over the same factor of now. Sums of integers do not depend on the
// order of arrival, and an entry needs no time of its own.
//
// The landmark depends on the watermark alone: it lies on a grid of 180 days, 90 to 270 days back. It moves by 180
// days, which is a whole number of each half life, so that sums are shifted and nothing else; only then does the order of
// arrival show, as a rounding.
const (
	// One is the weight of an observation at the landmark.
	One = 16

	rebase         = 180 * day
	landmarkBehind = 90 * day
	rebaseNetwork  = uint(rebase / NetworkHalfLife)
	rebaseDevice   = uint(rebase / DeviceHalfLife)
	rebaseActivity = uint(rebase / ActivityHalfLife)

	// maxWeight keeps sums clear of overflow: a family in which one entry passes it is halved.
	maxWeight = 1 << 30
)

// Clock is the landmark of a profile's faded counts.
type Clock struct {
	Epoch event.Millis
	// Flat makes counts keep their weight for ever. It is for measuring what fading is worth, and is not stored.
	Flat bool
}

// landmark is where the epoch belongs for a watermark.
func landmark(watermark event.Millis) event.Millis {
	t := max(0, watermark-landmarkBehind)
	return t - t%rebase
}

// Scale is the factor of an observation at t with the given half life.
func (c Clock) Scale(t, halfLife event.Millis) float64 {
	if c.Flat {
		return One
	}
	return One * numeric.Exp2(float64(c.since(t))/float64(halfLife))
}

// Scales are the factors at t for all half lives. They are powers of one, since each half life goes into [rebase].
func (c Clock) Scales(t event.Millis) (network, device, activity float64) {
	if c.Flat {
		return One, One, One
	}
	third := numeric.Exp2(float64(c.since(t)) / float64(rebase)) // of a network's, half of a device's
	device = float64(third * third)
	network = float64(device * third)
	return One * network, One * device, One * float64(network*network)
}

// since is the time from the landmark; never more than 270 days once the profile has advanced to t.
func (c Clock) since(t event.Millis) event.Millis { return min(t-c.Epoch, 3*rebase) }

// weigh turns a share of an observation (1 is a whole one) into units of the sums.
func weigh(share, scale float64) uint32 {
	w := numeric.Round(share * scale)
	if !(w >= 1) { // an observation is never nothing; also catches NaN
		return 1
	}
	if w > maxWeight {
		return maxWeight
	}
	return uint32(w)
}

func saturate(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint32
}

// shift divides by 2^n, rounding to nearest.
func shift(w uint32, n uint) uint32 {
	if n == 0 {
		return w
	}
	return uint32((uint64(w) + 1<<(n-1)) >> n)
}
