package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// reviser rewrites Native blocks from revision 0, which is what the engine writes, to the
// revision that a client asked for with client_protocol_version: from some revision on a
// block starts with a BlockInfo, and from a later one each column has a flag for custom serialization.
type reviser struct {
	revision uint64
	context  column.ServerContext
	out      chproto.Buffer
}

func newReviser(revision uint64, engine Version, zone *time.Location) *reviser {
	return &reviser{revision: revision, context: column.ServerContext{
		Revision:     revision,
		VersionMajor: engine.Major,
		VersionMinor: engine.Minor,
		VersionPatch: engine.Patch,
		Timezone:     zone,
	}}
}

// rewrite turns a piece of output, which holds whole blocks, into the asked revision. The
// result is valid until the next call.
func (r *reviser) rewrite(piece []byte) ([]byte, error) {
	r.out.Reset()
	source := bytes.NewReader(piece)
	reader := chproto.NewReader(source)
	for {
		block := proto.Block{ServerContext: &r.context}
		err := block.Decode(reader, 0)
		if errors.Is(err, io.EOF) && block.Columns == nil {
			return r.out.Buf, nil // between two blocks
		}
		if err == nil {
			err = block.Encode(&r.out, r.revision)
		}
		if err != nil {
			return nil, exception(codeNotImplemented, "the embedded engine cannot send these columns in Native revision %d: %v; cast them, or ask for another format", r.revision, err)
		}
	}
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
