package scorer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// errPage is wrapped when a stored page cannot be read. The partition then stops; it never starts empty.
var errPage = errors.New("stored page is corrupt")

const (
	// pageFormat starts every stored page: CRC-32C, then zstd of sequence, number of users, entries.
	pageFormat = 1
	// maxPageRaw bounds a decompressed page.
	maxPageRaw = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapshot copies a page's users into dst in the stored form, not yet compressed: quick enough to be
// done between two batches.
func (p *page) snapshot(dst []byte, seq uint64) []byte {
	dst = binary.AppendUvarint(dst[:0], seq)
	dst = binary.AppendUvarint(dst, uint64(p.users))
	walk(p.buf, func(e entry) {
		dst = binary.AppendUvarint(dst, uint64(len(e.key)))
		dst = append(dst, e.key...)
		dst = binary.AppendVarint(dst, e.seen)
		dst = binary.AppendUvarint(dst, uint64(len(e.profile)))
		dst = append(dst, e.profile...)
	})
	return dst
}

// sealPage makes stored bytes of a snapshot.
func sealPage(raw []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte{pageFormat}, crc32.Checksum(raw, castagnoli))
	return pageEncoder().EncodeAll(raw, out)
}

// openPage reads stored bytes into the store's empty page n and returns the journal sequence they hold.
func (s *store) openPage(n int, stored []byte) (seq uint64, err error) {
	if len(stored) < 6 || stored[0] != pageFormat {
		return 0, fmt.Errorf("%w: page %d has an unknown form", errPage, n)
	}
	raw, err := pageDecoder().DecodeAll(stored[5:], s.opened[:0])
	if err != nil {
		return 0, fmt.Errorf("%w: page %d: %w", errPage, n, err)
	}
	s.opened = raw
	if crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(stored[1:]) {
		return 0, fmt.Errorf("%w: page %d: checksum differs", errPage, n)
	}
	seq, raw, err = uvarint(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: page %d: %w", errPage, n, err)
	}
	users, raw, err := uvarint(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: page %d: %w", errPage, n, err)
	}
	s.reserve(n, int(min(users, uint64(len(raw)))), len(raw))
	var p profile.Profile
	for i := range users {
		var key, prof []byte
		var seen int64
		if key, raw, err = chunk(raw, maxKey); err != nil {
			return 0, fmt.Errorf("%w: page %d user %d: %w", errPage, n, i, err)
		}
		v, k := binary.Varint(raw)
		if k <= 0 {
			return 0, fmt.Errorf("%w: page %d user %d: cut", errPage, n, i)
		}
		seen, raw = v, raw[k:]
		if prof, raw, err = chunk(raw, maxProfile); err != nil {
			return 0, fmt.Errorf("%w: page %d user %d: %w", errPage, n, i, err)
		}
		h := hashKey(key)
		if pageOf(h) != n {
			return 0, fmt.Errorf("%w: page %d user %d belongs into page %d", errPage, n, i, pageOf(h))
		}
		if i == 0 { // one look per page: a form that this version cannot read stops the start, not the first event
			if err := profile.Decode(prof, &p); err != nil {
				return 0, fmt.Errorf("%w: page %d user %d: %w", errPage, n, i, err)
			}
		}
		if err := s.fill(h, key, prof, seen); err != nil {
			return 0, err
		}
	}
	if len(raw) != 0 {
		return 0, fmt.Errorf("%w: page %d: %d bytes too many", errPage, n, len(raw))
	}
	s.pages[n].dirty = false
	return seq, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	v, k := binary.Uvarint(b)
	if k <= 0 {
		return 0, b, errors.New("cut")
	}
	return v, b[k:], nil
}

func chunk(b []byte, limit uint64) (head, rest []byte, err error) {
	n, b, err := uvarint(b)
	if err != nil {
		return nil, b, err
	}
	if n > limit || n > uint64(len(b)) {
		return nil, b, errors.New("cut")
	}
	return b[:n], b[n:], nil
}

var pageEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var pageDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecoderMaxMemory(maxPageRaw),
		zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})
