package wire

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// How the value of a protobuf field is written; the low bits of its key.
const (
	asNumber = uint64(protowire.VarintType)
	asEight  = uint64(protowire.Fixed64Type)
	asText   = uint64(protowire.BytesType)
)

// fault is where a reader is when what it reads is cut or malformed. Every reader takes it, and returns it: whoever loops looks at the end.
const fault = -1

// keyAt reads a field's number and how its value is written.
func keyAt(b []byte, at int) (key uint64, next int) {
	if b[at] < 0x80 { // nearly always
		return uint64(b[at]), at + 1
	}
	return numberAt(b, at)
}

func numberAt(b []byte, at int) (v uint64, next int) {
	if at < 0 {
		return 0, fault
	}
	v, n := protowire.ConsumeVarint(b[at:])
	if n < 0 {
		return 0, fault
	}
	return v, at + n
}

// smallAt reads a number of 32 bits; those above are dropped, as protobuf asks.
func smallAt(b []byte, at int) (uint32, int) {
	v, next := numberAt(b, at)
	return uint32(v), next
}

func floatAt(b []byte, at int) (float64, int) {
	if at < 0 || len(b)-at < 8 {
		return 0, fault
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b[at:])), at + 8
}

// textAt cuts a text out of b.
func textAt(b []byte, at int) (string, int) {
	if uint(at) < uint(len(b)) {
		if n, from := int(b[at]), at+1; n < 0x80 && n <= len(b)-from { // nearly always
			return alias(b[from : from+n]), from + n
		}
	}
	v, next := bytesAt(b, at)
	return alias(v), next
}

func bytesAt(b []byte, at int) ([]byte, int) {
	n, from := numberAt(b, at)
	if from < 0 || n > uint64(len(b)-from) {
		return nil, fault
	}
	return b[from : from+int(n)], from + int(n)
}

// pass goes over a field that nobody reads. Those with a number up to known are read: one that comes here is written in another way than it should.
func pass(b []byte, at int, key, known uint64) int {
	if at < 0 || key>>3 > uint64(protowire.MaxValidNumber) || key>>3 <= known { // 0 is no number either
		return fault
	}
	n := protowire.ConsumeFieldValue(protowire.Number(key>>3), protowire.Type(key&7), b[at:])
	if n < 0 {
		return fault
	}
	return at + n
}
