package scorer

import (
	"testing"
	"unsafe"
)

// TestWarmReadsNothing: what is asked for need not be there.
func TestWarmReadsNothing(t *testing.T) {
	warm(nil, 1)
	warm(nil, 4096)
	warm(unsafe.Pointer(&t), 1<<20)
	warmBytes(nil)
	warmBytes([]byte{})
	warmBytes(make([]byte, 0, 8))
	b := []byte{1, 2, 3}
	if warmBytes(b); b[0] != 1 || b[2] != 3 {
		t.Errorf("got %v: it was written to", b)
	}
}
