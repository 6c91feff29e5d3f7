package main

import (
	"context"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// judgeWorld scores a world while it is made, lets its people answer the flags, and prints how well
// the two were told apart.
func judgeWorld(ctx context.Context, std streams, w *worldFlags, e *engineFlags) error {
	world, err := w.open()
	if err != nil {
		return err
	}
	engine, err := openOffline(e, w.geo.city, w.geo.asn)
	if err != nil {
		return err
	}
	begin := time.Now()
	live := laboratory.Live{Judge: engine.score}
	sessions, err := live.Run(ctx, world)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "world %s, seed %d, generator %s, %d people, %d days: %d events scored in %.1f s\n", w.world, w.seed, simulate.Version, w.users, w.days, sessions.Events, time.Since(begin).Seconds())
	fmt.Fprintf(std.out, "policy %s, baseline %s, engine %s\n", sessions.Policy, sessions.Baseline, sessions.Engine)
	return sessions.WriteText(std.out, float64(w.days)/7)
}
