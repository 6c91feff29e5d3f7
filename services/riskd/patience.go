package main

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

const (
	// patienceMin and patienceMax bound the pause before a broker that did not answer is asked again.
	patienceMin, patienceMax = 200 * time.Millisecond, 5 * time.Second
	// patienceTold is how often the log says that it is still waited for.
	patienceTold = 15 * time.Second
	// attemptTime bounds one attempt.
	attemptTime = 20 * time.Second
)

// patiently repeats do for as long as it fails in a way that passes by itself: a broker that is not up yet, a cluster that has no
// leader. Roles may start in any order, and before their servers. Other errors are returned, as is ctx's.
func (a *app) patiently(ctx context.Context, part string, do func(context.Context) error) error {
	var told time.Time
	defer a.process.Waits(part, nil)
	for pause := patienceMin; ; pause = min(2*pause, patienceMax) {
		attempt, cancel := context.WithTimeout(ctx, attemptTime)
		err := do(attempt)
		cancel()
		if err == nil || ctx.Err() != nil || !natsjs.IsTransient(err) && !kafka.IsTransient(err) {
			return err
		}
		a.process.Waits(part, err)
		if time.Since(told) > patienceTold {
			told = time.Now()
			a.log.Warn("the broker does not answer yet, trying again", "part", part, "error", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
