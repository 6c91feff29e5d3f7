//go:build !amd64 && !arm64

package warm

import "unsafe"

// Memory does nothing on this processor.
func Memory(unsafe.Pointer, int) {}
