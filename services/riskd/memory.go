package main

import (
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/services/scorer"
	"github.com/riskd-io/riskd/services/sink"
)

// How much is in memory at once follows from the memory there is. With less than ample of it, a backlog is worked off in smaller pieces.
const ample = 4 << 30

const (
	// leastBatchBytes of input still make a record of some hundred events, leastRows still make inserts that are worth their while.
	leastBatchBytes = 256 << 10
	leastRows       = 5_000
)

// fits is the part of most that goes with so much memory, 0 where nobody knows how much that is.
func fits(memory uint64, most, least int) int {
	if memory == 0 || memory >= ample {
		return most
	}
	return max(min(least, most), int(memory*uint64(most)/ample))
}

// besideHeap is the share of a control group's memory that is not this process's own: the embedded engine's.
func (c *Config) besideHeap() float64 {
	if c.ClickHouse.DSN == "" && c.embedded() {
		return c.ClickHouse.Engine.MemoryRatio
	}
	return 0
}

// scorerConfig is the scorer's: each partition reads ahead twice what a record holds.
func (a *app) scorerConfig() scorer.Config {
	c := a.cfg.Scorer
	c.BatchBytes = fits(service.Memory(), c.BatchBytes, leastBatchBytes)
	return c
}

// sinkConfig is the sink's: two batches take some 10 KiB for each of their entries.
func (a *app) sinkConfig() sink.Config {
	c := a.cfg.Sink
	c.Partitions, c.Sharded = a.topology.Partitions, a.cfg.ClickHouse.Migrate.Sharded
	if c.MaxRows == 0 {
		c.MaxRows = fits(service.Memory(), sink.DefaultConfig().MaxRows, leastRows)
	}
	return c
}
