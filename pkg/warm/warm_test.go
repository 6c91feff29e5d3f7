package warm_test

import (
	"testing"
	"unsafe"

	"github.com/riskd-io/riskd/pkg/warm"
)

// TestNothingIsRead: what is asked for need not be there.
func TestNothingIsRead(t *testing.T) {
	warm.Memory(nil, 1)
	warm.Memory(nil, 4096)
	warm.Memory(unsafe.Pointer(&t), 1<<20)
	warm.Bytes(nil)
	warm.Bytes([]byte{})
	warm.Bytes(make([]byte, 0, 8))
	b := []byte{1, 2, 3}
	if warm.Bytes(b); b[0] != 1 || b[2] != 3 {
		t.Errorf("got %v: it was written to", b)
	}
}
