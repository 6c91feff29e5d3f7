package natsjs

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/nats-io/nats.go"
)

// origin is what the lines of one tail's messages have in common, so that of each no more is read than what is its own.
type origin struct {
	tails    *map[string]*Tail // as they were when it was found out
	tail     *Tail
	consumer string
	middle   []byte // " <sid> $JS.ACK.<stream>.<consumer>.", which stands behind the subject
}

// origins are found by the last two digits of a subscription's number. Two tails that share a place are read from the beginning of their lines.
type origins [64]origin

func (o *origins) of(sid []byte) *origin {
	at := uint(sid[len(sid)-1])
	if len(sid) > 1 {
		at += 10 * uint(sid[len(sid)-2])
	}
	return &o[at%uint(len(o))]
}

var headed = []byte("HMSG ")

// split cuts an HMSG line behind its subject.
func split(line []byte) (subject, rest, sid []byte) {
	rest, ok := bytes.CutPrefix(line, headed)
	at := bytes.IndexByte(rest, ' ')
	if !ok || at <= 0 {
		return nil, nil, nil
	}
	subject, rest = rest[:at], rest[at:]
	end := bytes.IndexByte(rest[1:], ' ')
	if end <= 0 {
		return nil, nil, nil
	}
	return subject, rest, rest[1 : 1+end]
}

// recall reads the line of a message whose origin is known; its tail is nil where that is not so, or where anything is unusual: then the line
// is read from its beginning.
func (c *tapped) recall(line []byte) (op msgOp, t *Tail) {
	subject, rest, sid := split(line)
	if sid == nil {
		return op, nil
	}
	o := c.origins.of(sid)
	if o.tail == nil || o.tails != c.tap.tails.Load() || !bytes.HasPrefix(rest, o.middle) {
		return op, nil
	}
	rest = rest[len(o.middle):]
	var nums [7]uint64 // deliveries, sequence, that of the consumer, time, pending; headers, size
	for i, end := range [len(nums)]byte{'.', '.', '.', '.', ' ', ' ', '\r'} {
		at, n := 0, uint64(0)
		for ; at < len(rest) && rest[at]-'0' <= 9; at++ {
			n = n*10 + uint64(rest[at]-'0')
		}
		if at == 0 || at > 19 || at == len(rest) || rest[at] != end { // what has 19 digits fits
			return op, nil
		}
		nums[i], rest = n, rest[at+1:]
	}
	if len(rest) > 0 || nums[5] > nums[6] || nums[6] > 1<<30 {
		return op, nil
	}
	op = msgOp{subject: unsafe.String(&subject[0], len(subject)), consumer: o.consumer, headers: int(nums[5]), size: int(nums[6]),
		at: delivery{seq: nums[1], cseq: nums[2], ns: int64(nums[3]), pending: nums[4], ok: true}}
	if strings.HasPrefix(op.subject, nats.InboxPrefix) {
		return op, nil
	}
	return op, o.tail
}

// remember keeps a line's origin; op is what was read of it, from its beginning.
func (c *tapped) remember(line []byte, op *msgOp, t *Tail) {
	_, rest, sid := split(line)
	if sid == nil {
		return
	}
	to := 2 + len(sid)
	for range nameToken(op.reply) + 1 {
		to += bytes.IndexByte(rest[to:], '.') + 1
	}
	o := c.origins.of(sid)
	o.tails, o.tail, o.middle = c.tap.tails.Load(), t, append(o.middle[:0], rest[:to]...)
	if o.consumer != op.consumer {
		o.consumer = strings.Clone(op.consumer)
	}
}
