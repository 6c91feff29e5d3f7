package service_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/riskd-io/riskd/pkg/service"
)

type fussy struct{ err error }

func (f fussy) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (f fussy) Ready() error                  { return f.err }

func TestChecksFollowTheLifeCycle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p, err := service.NewProcess(service.Graph{"nats": nil, "sink": {"nats"}}, map[string]service.Open{
			"nats": steady(new(diary), "nats"),
			"sink": func(context.Context) (service.Runner, error) {
				<-gate
				return fussy{errors.New("clickhouse is away")}, nil
			},
		}, []string{"sink"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		if got := shown(p.Checks()); got != "nats=ok sink=not started yet" {
			t.Errorf("while starting: %s", got)
		}
		p.Waits("sink", errors.New("nobody answers"))
		if got := shown(p.Checks()); got != "nats=ok sink=not started yet: nobody answers" {
			t.Errorf("while it waits: %s", got)
		}
		close(gate)
		<-p.Started()
		if got := shown(p.Checks()); got != "nats=ok sink=clickhouse is away" {
			t.Errorf("while running: %s", got)
		}
		cancel()
		<-ended
		if got := shown(p.Checks()); got != "nats=stopping sink=stopping" {
			t.Errorf("after the stop: %s", got)
		}
	})
}

func shown(checks []service.Check) string {
	parts := make([]string, len(checks))
	for i, c := range checks {
		parts[i] = c.Part + "=ok"
		if c.Err != nil {
			parts[i] = c.Part + "=" + c.Err.Error()
		}
	}
	return strings.Join(parts, " ")
}
