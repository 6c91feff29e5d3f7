package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// maxLine bounds one input line. An event may have 64 KiB, a batch in one line more.
const maxLine = 8 << 20

// lineReader reads JSON lines as they come from the world: LF or CRLF, a byte order mark, blank
// lines, a last line without an end, and lines too long to keep.
type lineReader struct {
	r    *bufio.Reader
	long []byte
	// number of the line last returned, from 1.
	number int
}

var errLongLine = errors.New("line is longer than 8 MiB")

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 256<<10)}
}

// next returns the next line that is not blank, without its end; it is valid until the call after. A
// line too long is skipped and reported as errLongLine; reading can go on. io.EOF ends.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.raw()
		if err != nil {
			return nil, err
		}
		if l.number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.Trim(line, " \t\r\n"); len(line) > 0 {
			return line, nil
		}
	}
}

func (l *lineReader) raw() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if err == nil || err == io.EOF && len(line) > 0 {
		l.number++
		return line, nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	l.long = append(l.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.r.ReadSlice('\n')
		if len(l.long) <= maxLine {
			l.long = append(l.long, line...)
		}
	}
	l.number++
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(l.long) > maxLine {
		l.long = l.long[:0]
		return nil, errLongLine
	}
	return l.long, nil
}

// more tells whether the next line is there already, so that reading it would not wait.
func (l *lineReader) more() bool { return l.r.Buffered() > 0 }

// decoded is one event of the input, or why there is none.
type decoded struct {
	number int // of its line
	ev     *riskdv1.Event
	err    error
}

// chunk is a run of decoded lines; err is why reading ended, when not by the input's end.
type chunk struct {
	lines []decoded
	err   error
}

const (
	// chunkLines bounds one chunk, chunksAhead how many wait for their consumer.
	chunkLines  = 256
	chunksAhead = 16
)

// readChunks reads and decodes until the input ends, and closes out. It hands on what it has before it
// would have to wait for more.
func readChunks(ctx context.Context, in io.Reader, out chan<- chunk) {
	defer close(out)
	l := newLineReader(in)
	var c chunk
	send := func() bool {
		if len(c.lines) == 0 && c.err == nil {
			return true
		}
		select {
		case out <- c:
			c = chunk{}
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errLongLine):
			c.lines = append(c.lines, decoded{number: l.number, err: err})
		case err != nil:
			if err != io.EOF {
				c.err = err
			}
			send()
			return
		case line[0] == '[':
			c.batch(l.number, line)
		default:
			ev, err := wire.DecodeJSON(line)
			c.lines = append(c.lines, decoded{l.number, ev, err})
		}
		if (len(c.lines) >= chunkLines || !l.more()) && !send() {
			return
		}
	}
}

// batch takes a line that is an array of events.
func (c *chunk) batch(number int, line []byte) {
	results, err := wire.DecodeBatch(line)
	if err != nil {
		c.lines = append(c.lines, decoded{number: number, err: err})
		return
	}
	for _, r := range results {
		c.lines = append(c.lines, decoded{number, r.Event, r.Err})
	}
}
