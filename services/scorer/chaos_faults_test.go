//go:build chaos && unix

package scorer

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// fault is one thing that goes wrong, from its beginning until what it hit works again.
type fault struct {
	name  string
	kills int // processes killed with signal 9
	do    func(in *installation, rng *rand.Rand)
}

// faults are all that can go wrong.
var faults = slices.Concat(processFaults, memoryFaults, networkFaults)

var processFaults = []fault{
	{"scorer killed", 1, func(in *installation, rng *rand.Rand) {
		in.scorers[rng.IntN(chaosScorers)].kill(between(rng, 0, 1500*time.Millisecond))
	}},
	{"scorer stopped, woken as a zombie", 0, func(in *installation, rng *rand.Rand) {
		in.scorers[rng.IntN(chaosScorers)].freeze(between(rng, 500*time.Millisecond, 3*time.Second))
	}},
	{"sink killed", 1, func(in *installation, rng *rand.Rand) { in.sink.kill(between(rng, 0, time.Second)) }},
	{"sink stopped and woken", 0, func(in *installation, rng *rand.Rand) {
		in.sink.freeze(between(rng, 300*time.Millisecond, 2*time.Second))
	}},
	{"node lost and back", 1, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[rng.IntN(chaosNodes)]
		n.kill(between(rng, 0, 2*time.Second))
		in.healthy(n, 30*time.Second)
	}},
	{"node stopped and woken", 0, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[rng.IntN(chaosNodes)]
		n.freeze(between(rng, 500*time.Millisecond, 3*time.Second))
		in.healthy(n, 30*time.Second)
	}},
	{"ClickHouse killed", 1, func(in *installation, rng *rand.Rand) {
		in.engines.Lock()
		defer in.engines.Unlock()
		if pid := in.engine.PID(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(between(rng, 100*time.Millisecond, time.Second))
	}},
	{"ClickHouse hangs", 0, func(in *installation, rng *rand.Rand) {
		in.engines.Lock()
		defer in.engines.Unlock()
		if pid := in.engine.PID(); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			time.Sleep(between(rng, 300*time.Millisecond, 3*time.Second))
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}},
	{"disk slow", 0, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[chaosNodes-2]
		if n.slow == "" {
			return
		}
		if err := n.slowDown(slowest); err != nil {
			in.t.Errorf("slowing a disk down: %v", err)
		}
		time.Sleep(between(rng, time.Second, 4*time.Second))
		if err := n.slowDown(0); err != nil {
			in.t.Errorf("letting a disk go on: %v", err)
		}
		in.healthy(n, 30*time.Second)
	}},
	{"disk full", 1, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[chaosNodes-1]
		if n.small {
			path := filepath.Join(n.dir, "filler")
			if err := fill(path); err != nil {
				in.t.Errorf("filling the disk: %v", err)
			}
			time.Sleep(between(rng, 500*time.Millisecond, 2*time.Second))
			_ = os.Remove(path)
		}
		n.kill(0) // a server without room switches its JetStream off until it is started again
		in.healthy(n, 30*time.Second)
	}},
}

// slowest is how many writes per second a slow disk takes; a good one takes thousands.
const slowest = 40

func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)))
}

func (v *victim) kill(away time.Duration) {
	v.Lock()
	defer v.Unlock()
	v.early = v.early || ended(v.cmd.Process.Pid)
	kill9(v.cmd)
	time.Sleep(away)
	v.cmd = v.start()
}

func (v *victim) freeze(for_ time.Duration) {
	v.Lock()
	defer v.Unlock()
	_ = v.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(for_)
	_ = v.cmd.Process.Signal(syscall.SIGCONT)
}
