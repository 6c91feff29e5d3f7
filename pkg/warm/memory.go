//go:build amd64 || arm64

package warm

import "unsafe"

// Memory asks the processor for size bytes at p, one at least, and waits for nothing. It reads nothing: any p will do.
//
//go:noescape
func Memory(p unsafe.Pointer, size int)
