// Package journal is the codec of the ledger: one record per committed batch of a partition,
// compressed, each holding the SHA-256 of the stored bytes of the record before it.
//
// A record is protobuf (riskd.v1.JournalRecord) to its readers. Stored, its entries are in a form that is smaller and
// several times faster to make (compact.go tells how and why it cannot lose a field); Decode reads every form ever written.
//
// It does not store or fetch anything; package broker/nats does. Encode and Decode are safe for
// concurrent use; a [Writer] and a [Chain] belong to one goroutine.
package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// MaxStored is the largest stored record in bytes that Decode accepts. Writers keep well below it
	// (the broker's maximum payload is lower).
	MaxStored = 32 << 20
	// MaxRecord is the largest decompressed record in bytes that Decode accepts.
	MaxRecord = 128 << 20

	// formatZstd, the first stored byte, says that a zstd frame with a protobuf riskd.v1.JournalRecord follows,
	// formatPlain that the protobuf itself does, formatCompact and formatPieces that what compact.go tells does, in one piece or
	// several. Decode reads all of them. Other values are left for later formats.
	formatZstd    = 1
	formatPlain   = 2
	formatCompact = 3
	formatPieces  = 4
	// plainBelow is the size in bytes under which a record is stored plain: one event's record would shrink by a
	// sixth, for more time than judging the event takes, on the road of every flag at a low rate.
	plainBelow = 1024
)

// ErrCorrupt is wrapped by every error of [Decode]: the bytes are not a record.
var ErrCorrupt = errors.New("journal record is corrupt")

// Stored is a record as it lies in the ledger.
type Stored struct {
	Partition int
	// Seq is the record's sequence in its partition's journal stream (offset + 1 on Kafka).
	Seq uint64
	// Hash is the SHA-256 of the stored bytes; the next record holds it as prev_hash.
	Hash [sha256.Size]byte
	// Size is the number of stored bytes.
	Size   int
	Record *riskdv1.JournalRecord
}

// Hash is the chain hash of stored bytes.
func Hash(stored []byte) [sha256.Size]byte { return sha256.Sum256(stored) }

// Append encodes rec behind dst and returns the extended slice. Nothing of rec is kept; it must not be in use elsewhere
// meanwhile. Equal records give equal bytes.
func Append(dst []byte, rec *riskdv1.JournalRecord) ([]byte, error) {
	if len(rec.Entries) == 0 || !compactAll() {
		return appendGeneral(dst, rec)
	}
	w := writers.Get().(*Writer)
	defer w.release()
	w.Begin(rec, len(rec.Entries))
	for _, e := range rec.Entries {
		w.Add(e, nil)
	}
	for i, e := range rec.Entries {
		if e.Decision != nil {
			w.Decide(i, e.Decision)
		}
	}
	return w.Append(dst)
}

// appendGeneral stores protobuf, whatever fields it may have.
func appendGeneral(dst []byte, rec *riskdv1.JournalRecord) ([]byte, error) {
	buf := scratch.Get().(*[]byte)
	defer putScratch(buf)
	size := rec.SizeVT()
	if size > MaxRecord {
		return dst, fmt.Errorf("encoding journal record: %d bytes exceed the limit of %d", size, MaxRecord)
	}
	if cap(*buf) < size {
		*buf = make([]byte, size+size/4)
	}
	raw := (*buf)[:size]
	if _, err := rec.MarshalToSizedBufferVT(raw); err != nil {
		return dst, fmt.Errorf("encoding journal record: %w", err)
	}
	if size < plainBelow {
		return append(append(dst, formatPlain), raw...), nil
	}
	return encoder().EncodeAll(raw, append(dst, formatZstd)), nil
}

// Encode is [Append] to a new slice.
func Encode(rec *riskdv1.JournalRecord) ([]byte, error) { return Append(nil, rec) }

// Decode reads a stored record. The result shares no memory with stored. Errors wrap [ErrCorrupt].
func Decode(partition int, seq uint64, stored []byte) (Stored, error) {
	s := Stored{Partition: partition, Seq: seq, Hash: Hash(stored), Size: len(stored)}
	if len(stored) == 0 || len(stored) > MaxStored {
		return s, fmt.Errorf("%w: %d stored bytes", ErrCorrupt, len(stored))
	}
	var raw []byte
	switch stored[0] {
	case formatCompact, formatPieces:
		rec, err := readCompact(stored[1:], stored[0] == formatPieces)
		if err != nil {
			return s, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		s.Record = rec
		return s, nil
	case formatZstd:
		if len(stored) == 1 {
			return s, fmt.Errorf("%w: cut", ErrCorrupt)
		}
		var err error
		if raw, err = decoder().DecodeAll(stored[1:], nil); err != nil {
			return s, fmt.Errorf("%w: decompressing: %w", ErrCorrupt, err)
		}
	case formatPlain:
		raw = bytes.Clone(stored[1:])
	default:
		return s, fmt.Errorf("%w: unknown format %d", ErrCorrupt, stored[0])
	}
	rec := new(riskdv1.JournalRecord)
	// Unsafe: strings of the record alias raw, which nobody else has.
	if err := rec.UnmarshalVTUnsafe(raw); err != nil {
		return s, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	s.Record = rec
	return s, nil
}

var scratch = sync.Pool{New: func() any { return new([]byte) }}

// putScratch keeps ordinary buffers only, so that one huge record does not stay in memory.
func putScratch(b *[]byte) {
	if cap(*b) <= 4<<20 {
		scratch.Put(b)
	}
}

// The coders are shared: EncodeAll and DecodeAll are safe for concurrent use and hold one
// working set per processor.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithEncoderCRC(false), // the chain hash covers it
		zstd.WithZeroFrames(true),
		zstd.WithWindowSize(1<<20),
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderMaxMemory(MaxRecord),
		zstd.WithDecoderMaxWindow(8<<20),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})
