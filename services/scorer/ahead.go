package scorer

import (
	"unsafe"

	"github.com/riskd-io/riskd/pkg/warm"
)

// The memory of a record's events is larger than the processor's nearest cache, and it is come to twice: message by message when they are read,
// and user by user when they are judged. Each event then begins with one wait after the other for a line of its memory, since one leads
// to the next. So what comes next is asked for while the one before is being judged.

// readAhead is how many messages that is while they are read; each takes a third of the time of one that is judged.
const readAhead = 2

// ahead asks for the memory of event i and of its message.
func (b *batch) ahead(i int) {
	warm.Memory(unsafe.Pointer(b.entries[i]), int(unsafe.Sizeof(room{})))
	warm.Bytes(b.msgs[i].Data)
}
