package service

import (
	"fmt"
	"slices"
	"strings"
)

// Graph says which parts need which: a part starts after all it names and stops before them.
// A key with no needs is still a known part.
type Graph map[string][]string

// Order returns the targets and all they need, each after its needs. Equal graphs and targets
// give the same order. A name the graph does not know, or a circle of needs, is an error.
func (g Graph) Order(targets ...string) ([]string, error) {
	var (
		order []string
		path  []string
		done  = make(map[string]bool, len(g))
		visit func(name string) error
	)
	visit = func(name string) error {
		if done[name] {
			return nil
		}
		if i := slices.Index(path, name); i >= 0 {
			return fmt.Errorf("parts need each other in a circle: %s", strings.Join(append(path[i:], name), " -> "))
		}
		needs, known := g[name]
		if !known {
			return fmt.Errorf("unknown part %q: known are %s", name, strings.Join(g.Names(), ", "))
		}
		path = append(path, name)
		for _, need := range needs {
			if err := visit(need); err != nil {
				return err
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		order = append(order, name)
		return nil
	}
	for _, target := range targets {
		if err := visit(target); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// Names lists the parts of the graph, sorted.
func (g Graph) Names() []string {
	names := make([]string, 0, len(g))
	for name := range g {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
