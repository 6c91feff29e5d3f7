package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
)

// speed is how fast a backtest was, reading included.
type speed struct {
	Events float64 `json:"events_per_second"`
	// Core is events for a second of processor time, CPU is that time for an event, in microseconds; 0 where the system does not tell.
	Core  float64 `json:"events_per_core_second"`
	CPU   float64 `json:"cpu_us_per_event"`
	Cores int     `json:"cores"`
	took  time.Duration
}

func newSpeed(r *backtest.Report, cpu time.Duration) speed {
	n := float64(max(r.Events, 1))
	s := speed{Events: n / max(r.Took.Seconds(), 1e-9), CPU: float64(cpu.Microseconds()) / n, Cores: min(r.Workers, runtime.GOMAXPROCS(0)), took: r.Took}
	if cpu > 0 {
		s.Core = n / cpu.Seconds()
	}
	return s
}

func (s speed) String() string {
	text := fmt.Sprintf("%.1f s: %.0f events/s on %d cores", s.took.Seconds(), s.Events, s.Cores)
	if s.Core > 0 {
		text += fmt.Sprintf(", %.0f for a second of one core (%.1f us each, read and judged by both policies)", s.Core, s.CPU)
	}
	return text
}
