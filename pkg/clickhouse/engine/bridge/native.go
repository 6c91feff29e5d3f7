package bridge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reviser rewrites Native blocks from revision 0, which is what the engine writes, to the
// revision that a client asked for with client_protocol_version: from revision 1 on a block
// starts with a BlockInfo, and later each column has a flag for custom serialization. The columns' data is the
// same, so it is copied; it is decoded only to find where it ends.
type reviser struct {
	revision uint64
	context  column.ServerContext
	out      chproto.Buffer
	source   *bytes.Reader
	buffered *bufio.Reader
	reader   *chproto.Reader
}

// readerSize must be at least that of chproto's own buffer, for it to take over ours: only
// then can it be told how much was read.
const readerSize = 128 << 10

func newReviser(revision uint64, engine Version, zone *time.Location) *reviser {
	r := &reviser{revision: revision, source: bytes.NewReader(nil), context: column.ServerContext{
		Revision:     revision,
		VersionMajor: engine.Major,
		VersionMinor: engine.Minor,
		VersionPatch: engine.Patch,
		Timezone:     zone,
	}}
	r.buffered = bufio.NewReaderSize(r.source, readerSize)
	r.reader = chproto.NewReader(r.buffered)
	return r
}

// rewrite turns a piece of output, which holds whole blocks, into the asked revision. The
// result is valid until the next call.
func (r *reviser) rewrite(piece []byte) ([]byte, error) {
	r.out.Reset()
	r.source.Reset(piece)
	r.buffered.Reset(r.source)
	for r.left() > 0 {
		if err := r.block(piece); err != nil {
			return nil, exception(codeNotImplemented, "the embedded engine cannot send these columns in Native revision %d: %v; cast them, or ask for another format", r.revision, err)
		}
	}
	return r.out.Buf, nil
}

// left is how much of the piece was not read yet.
func (r *reviser) left() int { return r.source.Len() + r.buffered.Buffered() }

func (r *reviser) block(piece []byte) error {
	columns, err := r.reader.UVarInt()
	if err != nil {
		return fmt.Errorf("number of columns: %w", err)
	}
	rows, err := r.reader.UVarInt()
	if err != nil {
		return fmt.Errorf("number of rows: %w", err)
	}
	// A BlockInfo: field 1, is_overflows; field 2, bucket_num; end.
	r.out.PutUVarInt(1)
	r.out.PutBool(false)
	r.out.PutUVarInt(2)
	r.out.PutInt32(-1)
	r.out.PutUVarInt(0)
	r.out.PutUVarInt(columns)
	r.out.PutUVarInt(rows)
	for range columns {
		if err := r.column(piece, int(rows)); err != nil {
			return err
		}
	}
	return nil
}

func (r *reviser) column(piece []byte, rows int) error {
	name, err := r.reader.Str()
	if err != nil {
		return fmt.Errorf("name of a column: %w", err)
	}
	kind, err := r.reader.Str()
	if err != nil {
		return fmt.Errorf("type of column %s: %w", name, err)
	}
	r.out.PutString(name)
	r.out.PutString(kind)
	if r.revision >= proto.DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION {
		r.out.PutBool(false)
	}
	if rows == 0 {
		return nil
	}
	start := len(piece) - r.left()
	decoder, err := column.Type(kind).Column(name, &r.context)
	if err != nil {
		return fmt.Errorf("column %s: %w", name, err)
	}
	if prefixed, ok := decoder.(column.CustomSerialization); ok {
		if err := prefixed.ReadStatePrefix(r.reader); err != nil {
			return fmt.Errorf("column %s: %w", name, unexpected(err))
		}
	}
	if err := decoder.Decode(r.reader, rows); err != nil {
		return fmt.Errorf("column %s: %w", name, unexpected(err))
	}
	r.out.Buf = append(r.out.Buf, piece[start:len(piece)-r.left()]...)
	return nil
}

// unexpected names an end within a column for what it is.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // exactly this one
		return io.ErrUnexpectedEOF
	}
	return err
}

// Version is the engine's version.
type Version struct{ Major, Minor, Patch uint64 }

// parseVersion reads 26.7.2.1.
func parseVersion(text string) (Version, error) {
	var v Version
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &v.Major, &v.Minor, &v.Patch); n != 3 {
		return v, fmt.Errorf("engine version %q: %w", text, err)
	}
	return v, nil
}
