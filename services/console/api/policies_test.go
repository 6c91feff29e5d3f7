package api_test

import (
	"math"
	"testing"

	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/services/console/api"
)

// The figures are those of Wilson's formula as published (Brown, Cai and DasGupta 2001), worked out by hand.
func TestAShareComesWithWhereItMayLie(t *testing.T) {
	for _, c := range []struct {
		attacks, known uint64
		low, high      float64
	}{{0, 1, 0, 79.3}, {1, 1, 20.7, 100}, {0, 10, 0, 27.8}, {5, 10, 23.7, 76.3}, {50, 100, 40.4, 59.6}, {0, 1000, 0, 0.4}} {
		got := api.NewCalibration([]story.Calibration{{Known: c.known, Attacks: c.attacks}})[0]
		if math.Abs(got.Low-c.low) > 0.06 || math.Abs(got.High-c.high) > 0.06 {
			t.Errorf("%d of %d: got %.2f to %.2f, want %.1f to %.1f", c.attacks, c.known, got.Low, got.High, c.low, c.high)
		}
	}
}
