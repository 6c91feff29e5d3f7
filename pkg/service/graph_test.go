package service_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/service"
	"pgregory.net/rapid"
)

func TestOrderPutsNeedsFirst(t *testing.T) {
	g := service.Graph{"all": {"sink", "scorer"}, "sink": {"clickhouse", "nats"}, "scorer": {"nats"}, "nats": nil, "clickhouse": nil}
	got, err := g.Order("all")
	if want := []string{"clickhouse", "nats", "sink", "scorer", "all"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("Order(all) = %v, %v; want %v", got, err, want)
	}
}

func TestOrderNamesTheCircle(t *testing.T) {
	_, err := service.Graph{"a": {"b"}, "b": {"c"}, "c": {"b"}}.Order("a")
	if err == nil || !strings.Contains(err.Error(), "b -> c -> b") {
		t.Fatalf("Order on a circle = %v; want the circle in the error", err)
	}
}

func TestOrderNamesWhatIsKnown(t *testing.T) {
	_, err := service.Graph{"sink": nil, "scorer": nil}.Order("skorer")
	if err == nil || !strings.Contains(err.Error(), `unknown part "skorer": known are scorer, sink`) {
		t.Fatalf("Order of an unknown part = %v", err)
	}
}

func TestEveryPartComesAfterItsNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "parts")
		g, names := service.Graph{}, make([]string, n)
		for i := range names {
			names[i] = string(rune('a' + i))
			var needs []string
			for j := range i { // only earlier ones: no circle
				if rapid.Bool().Draw(t, "needs") {
					needs = append(needs, names[j])
				}
			}
			g[names[i]] = needs
		}
		order, err := g.Order(names[n-1])
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range order {
			for _, need := range g[name] {
				if at := slices.Index(order, need); at < 0 || at > i {
					t.Fatalf("%s at %d needs %s at %d in %v", name, i, need, at, order)
				}
			}
		}
	})
}
