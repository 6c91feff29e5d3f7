package bridge

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// httpEncodings are the content codings of HTTP that both directions know, the cheapest
// first: it is what a client gets that takes several.
var httpEncodings = []string{"zstd", "lz4", "gzip", "deflate", "br"}

// maxWindow bounds the memory that a zstd request may ask for.
const maxWindow = 64 << 20

// decodeBody undoes a Content-Encoding. An unknown one is an error with its own code.
func decodeBody(body io.Reader, encoding string) (io.Reader, func(), error) {
	nothing := func() {}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nothing, nil
	case "gzip", "x-gzip":
		return &lazyReader{open: func() (io.Reader, error) { return gzip.NewReader(bufio.NewReaderSize(body, 64<<10)) }}, nothing, nil
	case "deflate": // zlib by RFC 9110, and what clients send
		return &lazyReader{open: func() (io.Reader, error) { return zlib.NewReader(bufio.NewReaderSize(body, 64<<10)) }}, nothing, nil
	case "br":
		return brotli.NewReader(body), nothing, nil
	case "lz4":
		return lz4.NewReader(body), nothing, nil
	case "zstd":
		decoder, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nothing, err
		}
		return decoder, decoder.Close, nil
	}
	return nil, nothing, exception(codeUnknownEncoding, "unknown Content-Encoding %q; known are %s", encoding, strings.Join(httpEncodings, ", "))
}

// lazyReader opens a decoder at the first read: gzip and zlib read their header at once, and
// an empty body, which some clients send with a coding all the same, has none.
type lazyReader struct {
	open func() (io.Reader, error)
	from io.Reader
	err  error
}

func (r *lazyReader) Read(p []byte) (int, error) {
	if r.from == nil && r.err == nil {
		r.from, r.err = r.open()
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.from.Read(p)
}

// chooseEncoding picks the coding of an answer from Accept-Encoding, "" for none.
func chooseEncoding(accept string) string {
	taken := map[string]bool{}
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		weight := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			parsed, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			weight = parsed
		}
		taken[strings.ToLower(strings.TrimSpace(name))] = weight > 0
	}
	for _, encoding := range httpEncodings {
		if taken[encoding] {
			return encoding
		}
	}
	return ""
}

// encoder is a compressor that can push out what it holds.
type encoder interface {
	io.WriteCloser
	Flush() error
}

// httpLevel is ClickHouse's http_zlib_compression_level.
const httpLevel = 3

func newEncoder(to io.Writer, encoding string) (encoder, error) {
	switch encoding {
	case "gzip":
		return gzip.NewWriterLevel(to, httpLevel)
	case "deflate":
		return zlib.NewWriterLevel(to, httpLevel)
	case "br":
		return brotli.NewWriterLevel(to, httpLevel), nil
	case "lz4":
		return lz4.NewWriter(to), nil
	case "zstd":
		return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	return nil, nil
}
