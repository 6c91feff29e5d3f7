package eventrow

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"sync"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Digest names a decision by its bytes as the journal holds them, signals included: the first 8 bytes of their SHA-256. A
// decision made again is the same exactly when its digest is (but for one chance in 2^64). It is never 0.
func Digest(d *riskdv1.Decision) uint64 {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	if !marshal(d, d.SizeVT(), buf) {
		return 0 // not text: it was never written
	}
	sum := sha256.Sum256(*buf)
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}

// Versions names what made a decision: policy, baseline, engine and geo data, tab-separated.
func Versions(d *riskdv1.Decision) string {
	return d.Policy + "\t" + d.Baseline + "\t" + d.Engine + "\t" + d.Geo
}

// SplitVersions takes [Versions] apart.
func SplitVersions(text string) (policy, baseline, engine, geo string) {
	policy, rest, _ := strings.Cut(text, "\t")
	baseline, rest, _ = strings.Cut(rest, "\t")
	engine, geo, _ = strings.Cut(rest, "\t")
	return policy, baseline, engine, geo
}
