// Package warm asks the processor for memory some time before it is read. Where one look-up leads to the next, each would otherwise wait
// for a line of memory that is in no cache.
package warm

import "unsafe"

// Bytes asks for all of b.
func Bytes(b []byte) {
	if len(b) > 0 {
		Memory(unsafe.Pointer(unsafe.SliceData(b)), len(b))
	}
}
