package service

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The room that [KeepHeapRoom] leaves: an eighth of the memory that the process may use, within these.
const (
	leastRoom, mostRoom = 64 << 20, 2 << 30
	roomOfMemory        = 8
	// limitOfGroup is how much of a control group's memory the heap may take before it is collected whatever the room.
	limitOfGroup = 0.9
)

// KeepHeapRoom makes the collector leave the heap room to grow between two collections, or a quarter of what is in use where that is more, from the
// next collection on. Go's own rule, as much again as is in use, collects a small process all the time (most of what a worker allocates is gone
// after a batch) and doubles a large one (whose profiles hold no pointers: to collect it costs next to nothing). While a collection runs,
// some 0.1 s on two cores, and until what came meanwhile is worked off, a flag takes ten times as long: with too little room that is more than one
// flag in a hundred.
//
// A process in a control group with a limit also gets nine tenths of that for GOMEMLIMIT, less the share of the limit that others of the group
// may use, so that the room cannot get any of them killed. A GOGC or GOMEMLIMIT in the environment is the user's choice and stays; a memory limit
// limits the room too. It returns the room, bytes; 0 with a GOGC.
func KeepHeapRoom(others float64) (room uint64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		if limit, err := memlimit.FromCgroup(); err == nil && limit < math.MaxInt64/2 {
			debug.SetMemoryLimit(int64(float64(limit) * (limitOfGroup - others)))
		}
	}
	if os.Getenv("GOGC") != "" {
		return 0
	}
	room = heapRoom(Memory())
	setRoom(room)
	watchHeap(room)
	return room
}

// Memory is what the machine has or, where that is less, what the process's control group may use, bytes; 0 where that cannot be told.
func Memory() uint64 {
	memory, err := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
	if err != nil {
		memory = 0
	}
	if system, err := memlimit.FromSystem(); err == nil { // a group's limit may be none to speak of
		memory = min(memory, system)
	}
	return memory
}

// heapRoom is what a process that may use so much memory leaves, bytes.
func heapRoom(memory uint64) uint64 {
	return min(max(memory/roomOfMemory, leastRoom), mostRoom)
}

// heapWatch dies with each collection and is made anew by its own end.
type heapWatch struct{ _ [16]byte }

func watchHeap(room uint64) {
	runtime.AddCleanup(new(heapWatch), func(struct{}) {
		setRoom(room)
		watchHeap(room)
	}, struct{}{})
}

func setRoom(room uint64) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	debug.SetGCPercent(gcPercent(sample[0].Value.Uint64(), room))
}

// gcPercent is the growth that leaves the room, in percent of what is in use.
func gcPercent(live, room uint64) int {
	const least, smallest = 25, 4 << 20
	return max(int(room*100/max(live, smallest)), least)
}
