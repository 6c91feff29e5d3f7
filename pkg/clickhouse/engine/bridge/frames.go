package bridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// ClickHouse's own compression: frames of a checksum, a method, two sizes and the data.
const (
	frameChecksum = 16
	frameHeader   = 1 + 4 + 4
	// maxFrame bounds what one frame may take, packed or unpacked: 128 MiB, as in clients.
	maxFrame = 128 << 20
	// outFrame is how much output goes into one frame: 1 MiB, as on a server.
	outFrame = 1 << 20

	methodNone = 0x02
	methodLZ4  = 0x82
	methodZSTD = 0x90
)

// errDamaged is a frame that does not hold what it says.
var errDamaged = errors.New("damaged compressed frame")

// frameReader unpacks frames. Unlike the reader of the client library, it tells an end
// between two frames (io.EOF) from an end within one (io.ErrUnexpectedEOF): the second is a broken
// upload, of which nothing may be kept.
type frameReader struct {
	from   io.Reader
	packed []byte
	data   []byte // unpacked, not read yet
	buffer []byte
	zstd   *zstd.Decoder
}

func newFrameReader(from io.Reader) *frameReader { return &frameReader{from: from} }

func (r *frameReader) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		if err := r.frame(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *frameReader) frame() error {
	var head [frameChecksum + frameHeader]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return err
	}
	packed := int64(binary.LittleEndian.Uint32(head[17:]))
	unpacked := int64(binary.LittleEndian.Uint32(head[21:]))
	if packed < frameHeader || packed > maxFrame || unpacked > maxFrame {
		return fmt.Errorf("%w: sizes %d and %d", errDamaged, packed, unpacked)
	}
	r.packed = grow(r.packed, int(packed))
	copy(r.packed, head[frameChecksum:])
	if _, err := io.ReadFull(r.from, r.packed[frameHeader:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	sum := city.CH128(r.packed)
	if sum.Low != binary.LittleEndian.Uint64(head[0:]) || sum.High != binary.LittleEndian.Uint64(head[8:]) {
		return fmt.Errorf("%w: wrong checksum", errDamaged)
	}
	body := r.packed[frameHeader:]
	r.buffer = grow(r.buffer, int(unpacked))
	switch head[frameChecksum] {
	case methodNone:
		if len(body) != len(r.buffer) {
			return fmt.Errorf("%w: wrong size", errDamaged)
		}
		copy(r.buffer, body)
	case methodLZ4:
		n, err := lz4.UncompressBlock(body, r.buffer)
		if err != nil || n != len(r.buffer) {
			return fmt.Errorf("%w: lz4: %d of %d bytes, %v", errDamaged, n, len(r.buffer), err)
		}
	case methodZSTD:
		if r.zstd == nil {
			decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
			if err != nil {
				return fmt.Errorf("preparing zstd: %w", err)
			}
			r.zstd = decoder
		}
		out, err := r.zstd.DecodeAll(body, r.buffer[:0])
		if err != nil || len(out) != int(unpacked) {
			return fmt.Errorf("%w: zstd: %d of %d bytes, %v", errDamaged, len(out), unpacked, err)
		}
		r.buffer = out
	default:
		return fmt.Errorf("%w: unknown method %#x", errDamaged, head[frameChecksum])
	}
	r.data = r.buffer
	return nil
}

func (r *frameReader) Close() error {
	if r.zstd != nil {
		r.zstd.Close()
	}
	return nil
}

func grow(buffer []byte, size int) []byte {
	if cap(buffer) < size {
		return make([]byte, size)
	}
	return buffer[:size]
}

// frameWriter packs output into frames.
type frameWriter struct {
	to     io.Writer
	writer *compress.Writer
	method compress.Method
}

// newFrameWriter takes the value of network_compression_method; LZ4 unless it says else.
func newFrameWriter(to io.Writer, method string) *frameWriter {
	w := &frameWriter{to: to, method: compress.LZ4}
	switch strings.ToUpper(method) {
	case "ZSTD":
		w.method = compress.ZSTD
	case "NONE":
		w.method = compress.None
	}
	w.writer = compress.NewWriter(compress.LevelZero, w.method)
	return w
}

func (w *frameWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		part := p[:min(len(p), outFrame)]
		if err := w.writer.Compress(part); err != nil {
			return written, fmt.Errorf("compressing the answer: %w", err)
		}
		if _, err := w.to.Write(w.writer.Data); err != nil {
			return written, err
		}
		written += len(part)
		p = p[len(part):]
	}
	return written, nil
}
