package service_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/riskd-io/riskd/pkg/service"
)

// diary notes what happens to parts, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// steady is a part that works until it is told to stop.
func steady(d *diary, name string) service.Open {
	return func(context.Context) (service.Runner, error) {
		d.write("open " + name)
		return service.RunFunc(func(ctx context.Context) error {
			<-ctx.Done()
			d.write("stop " + name)
			return nil
		}), nil
	}
}

var road = service.Graph{"nats": nil, "scorer": {"nats"}, "sink": {"scorer"}}

func TestPartsStartInOrderAndStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p, err := service.NewProcess(road, map[string]service.Open{
			"nats": steady(&d, "nats"), "scorer": steady(&d, "scorer"), "sink": steady(&d, "sink"),
		}, []string{"sink"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		<-p.Started()
		cancel()
		if err := <-ended; err != nil {
			t.Fatalf("Run = %v; want nil after an ordinary stop", err)
		}
		want := []string{"open nats", "open scorer", "open sink", "stop sink", "stop scorer", "stop nats"}
		if got := d.read(); !slices.Equal(got, want) {
			t.Fatalf("life cycle %v; want %v", got, want)
		}
	})
}

func TestAFailingRoleStopsTheProcessAndIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("disk full")
		p, err := service.NewProcess(road, map[string]service.Open{
			"nats": steady(&d, "nats"),
			"scorer": func(context.Context) (service.Runner, error) {
				return service.RunFunc(func(context.Context) error {
					time.Sleep(time.Minute)
					return broken
				}), nil
			},
			"sink": steady(&d, "sink"),
		}, []string{"sink"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Run(t.Context())
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "scorer failed") {
			t.Fatalf("Run = %v; want scorer's failure", err)
		}
		want := []string{"open nats", "open sink", "stop sink", "stop nats"}
		if got := d.read(); !slices.Equal(got, want) {
			t.Fatalf("life cycle %v; want %v", got, want)
		}
	})
}

func TestARoleThatQuietlyEndsIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := service.NewProcess(service.Graph{"scorer": nil}, map[string]service.Open{
			"scorer": func(context.Context) (service.Runner, error) {
				return service.RunFunc(func(context.Context) error { return nil }), nil
			},
		}, []string{"scorer"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); !errors.Is(err, service.ErrEnded) {
			t.Fatalf("Run = %v; want ErrEnded", err)
		}
	})
}

func TestAPartThatCannotOpenStopsThoseBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p, err := service.NewProcess(road, map[string]service.Open{
			"nats":   steady(&d, "nats"),
			"scorer": func(context.Context) (service.Runner, error) { return nil, errors.New("port taken") },
			"sink":   steady(&d, "sink"),
		}, []string{"sink"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "starting scorer: port taken") {
			t.Fatalf("Run = %v; want the part and its reason", err)
		}
		if got, want := d.read(), []string{"open nats", "stop nats"}; !slices.Equal(got, want) {
			t.Fatalf("life cycle %v; want %v", got, want)
		}
	})
}

func TestAPartThatWillNotStopIsGivenUpAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		p, err := service.NewProcess(service.Graph{"sink": nil}, map[string]service.Open{
			"sink": func(context.Context) (service.Runner, error) {
				return service.RunFunc(func(context.Context) error { <-free; return nil }), nil
			},
		}, []string{"sink"}, quiet(), 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		<-p.Started()
		begin := time.Now()
		cancel()
		err = <-ended
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("gave up after %s; want 3s", took)
		}
		if err == nil || !strings.Contains(err.Error(), "stopping sink: still busy after 3s") {
			t.Errorf("Run = %v; want the busy part named", err)
		}
		close(free)
	})
}

func TestAStartCanBeInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		p, err := service.NewProcess(road, map[string]service.Open{
			"nats": steady(&d, "nats"),
			"scorer": func(ctx context.Context) (service.Runner, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"sink": steady(&d, "sink"),
		}, []string{"sink"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Fatalf("Run = %v; want nil: the stop was asked for", err)
		}
		if got, want := d.read(), []string{"open nats", "stop nats"}; !slices.Equal(got, want) {
			t.Fatalf("life cycle %v; want %v", got, want)
		}
	})
}

func TestAStartThatWaitsForAFailingPartIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no engine")
		p, err := service.NewProcess(service.Graph{"database": nil, "schema": {"database"}}, map[string]service.Open{
			"database": func(context.Context) (service.Runner, error) {
				return service.RunFunc(func(context.Context) error {
					time.Sleep(time.Second)
					return broken
				}), nil
			},
			"schema": func(ctx context.Context) (service.Runner, error) {
				<-ctx.Done() // waits for the database
				return nil, ctx.Err()
			},
		}, []string{"schema"}, quiet(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(t.Context()); !errors.Is(err, broken) || strings.Contains(err.Error(), "starting schema") {
			t.Fatalf("Run = %v; want the database's failure, not the schema's", err)
		}
	})
}
