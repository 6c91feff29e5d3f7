package service

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheHeapKeepsItsRoomAtEverySize(t *testing.T) {
	const mib = 1 << 20
	for live, grows := range map[uint64]uint64{0: 192 * mib, 50 * mib: 192 * mib, 700 * mib: 192 * mib, 4096 * mib: 1024 * mib} {
		got := max(live, 4*mib) * uint64(gcPercent(live, 192*mib)) / 100
		if got < grows*98/100 || got > grows*102/100 {
			t.Errorf("with %d bytes in use the heap may grow by %d, want %d", live, got, grows)
		}
	}
}

func TestTheRoomIsAPartOfTheMemory(t *testing.T) {
	const gib = 1 << 30
	for memory, want := range map[uint64]uint64{0: leastRoom, gib / 2: leastRoom, 4 * gib: gib / 2, 16 * gib: 2 * gib, 512 * gib: mostRoom} {
		if got := heapRoom(memory); got != want {
			t.Errorf("of %d bytes %d are left, want %d", memory, got, want)
		}
	}
}

func TestTheRoomFollowsWhatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	KeepHeapRoom(0)
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
	if room := KeepHeapRoom(0); room != 0 {
		t.Errorf("got a room of %d bytes, want none", room)
	}
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("got %d, want the 70 of the environment", got)
	}
}
