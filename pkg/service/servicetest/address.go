// Package servicetest is for tests of processes that listen.
package servicetest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

const (
	// Ports from firstPort on and below lastPort are handed out: above, systems take what connections that are made begin at (from 32768 on Linux, 49152
	// elsewhere), and a port that is free now is somebody's connection when the process that is meant to have it has started, seconds later.
	firstPort, lastPort = 12_000, 32_000
	// attempts bounds the search.
	attempts = 1000
)

var (
	mu    sync.Mutex
	given = make(map[int]bool)
)

// FreeAddress is host:port of loopback that nobody listens on. It is handed out once by a process.
func FreeAddress(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	for range attempts {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if given[port] {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		given[port] = true
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatalf("no port of %d is free", lastPort-firstPort)
	return ""
}
