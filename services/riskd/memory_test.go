package main

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

func TestWhatIsInMemoryFollowsFromTheMemoryThereIs(t *testing.T) {
	const gib = 1 << 30
	for memory, want := range map[uint64]int{0: 50_000, 64 * gib: 50_000, 4 * gib: 50_000, 2 * gib: 25_000, gib: 12_500, gib / 8: 5_000} {
		if got := fits(memory, 50_000, leastRows); got != want {
			t.Errorf("with %d bytes: %d rows, want %d", memory, got, want)
		}
	}
	if got := fits(gib/8, 100, leastRows); got != 100 {
		t.Errorf("got %d of a user's 100", got)
	}
}

// Engine and heap have different limits in one control group; together they stay below it.
func TestTheEngineIsLeftItsShare(t *testing.T) {
	c := &Config{Targets: roles}
	c.ClickHouse.Engine = engine.DefaultConfig("")
	if got := c.besideHeap(); got != c.ClickHouse.Engine.MemoryRatio || got < 0.3 || got > 0.5 {
		t.Errorf("beside the embedded engine: %v", got)
	}
	c.Targets = roles[:1]
	if got := c.besideHeap(); got != 0 {
		t.Errorf("of one role: %v", got)
	}
	c.Targets, c.ClickHouse.DSN = roles, "clickhouse://elsewhere"
	if got := c.besideHeap(); got != 0 {
		t.Errorf("with a server elsewhere: %v", got)
	}
}
