//go:build amd64 || arm64

package scorer

import "unsafe"

// warm asks the processor for size bytes at p, one at least, and waits for nothing. It reads nothing: any p will do.
//
//go:noescape
func warm(p unsafe.Pointer, size int)
