package service

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// HeapRoom is how many bytes the heap may grow between two collections, whatever is in use. Go's own rule, as much again
// as is in use, collects a small process all the time (most of what a worker allocates is gone after a batch) and doubles a large one
// (whose profiles hold no pointers: to collect it costs next to nothing).
const HeapRoom = 192 << 20

// KeepHeapRoom makes the collector leave [HeapRoom] or a quarter of what is in use, the larger of the two, from the next
// collection on. A GOGC in the environment is the user's choice and stays; so does GOMEMLIMIT, which limits this too.
func KeepHeapRoom() {
	if os.Getenv("GOGC") != "" {
		return
	}
	setRoom()
	watchHeap()
}

// heapWatch dies with each collection and is made anew by its own end.
type heapWatch struct{ _ [16]byte }

func watchHeap() {
	runtime.AddCleanup(new(heapWatch), func(struct{}) {
		setRoom()
		watchHeap()
	}, struct{}{})
}

func setRoom() {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	debug.SetGCPercent(gcPercent(sample[0].Value.Uint64()))
}

// gcPercent is the growth that leaves the room, in percent of what is in use.
func gcPercent(live uint64) int {
	const least, smallest = 25, 4 << 20
	return max(int(HeapRoom*100/max(live, smallest)), least)
}
