package service

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheHeapKeepsItsRoomAtEverySize(t *testing.T) {
	for live, room := range map[uint64]uint64{0: HeapRoom, 50 << 20: HeapRoom, 700 << 20: HeapRoom, 4 << 30: 1 << 30} {
		got := max(live, 4<<20) * uint64(gcPercent(live)) / 100
		if got < room*98/100 || got > room*102/100 {
			t.Errorf("with %d bytes in use the heap may grow by %d, want %d", live, got, room)
		}
	}
}

func TestTheRoomFollowsWhatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	KeepHeapRoom()
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	small := percent()
	held := make([]byte, 256<<20)
	for deadline := time.Now().Add(5 * time.Second); percent() >= small; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d %% before and after 256 MB came into use", small)
		}
		runtime.GC()
	}
	runtime.KeepAlive(held)
}

func TestTheUsersOwnChoiceStays(t *testing.T) {
	t.Setenv("GOGC", "70")
	before := debug.SetGCPercent(70)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	KeepHeapRoom()
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("got %d, want the 70 of the environment", got)
	}
}
