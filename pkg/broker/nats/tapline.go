package natsjs

import (
	"strings"
	"unsafe"
)

// msgOp is the line of a MSG or HMSG. Its strings lie in the connection's buffer.
type msgOp struct {
	subject, reply string
	// consumer is the name in reply, "" when it is not that of a stored message.
	consumer      string
	headers, size int
	// at is what reply says of the message, once it was read.
	at delivery
}

// parseOp reads MSG <subject> <sid> [reply] <size> and HMSG <subject> <sid> [reply] <headers> <size>.
func parseOp(line []byte) (op msgOp, ok bool) {
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	if len(line) == 0 {
		return op, false
	}
	var fields [6]string
	n := 0
	for rest := unsafe.String(&line[0], len(line)); ; n++ {
		if n == len(fields) {
			return op, false
		}
		at := strings.IndexByte(rest, ' ')
		if at < 0 {
			fields[n] = rest
			n++
			break
		}
		fields[n], rest = rest[:at], rest[at+1:]
	}
	op.subject = fields[1]
	numbers := 1
	switch fields[0] {
	case "MSG":
	case "HMSG":
		numbers = 2
		if op.headers, ok = count(fields[max(n-2, 0)]); !ok {
			return op, false
		}
	default:
		return op, false
	}
	switch n - numbers {
	case 3:
	case 4:
		op.reply = fields[3]
		op.consumer = consumerOf(op.reply)
	default:
		return op, false
	}
	op.size, ok = count(fields[n-1])
	return op, ok && op.headers <= op.size
}

// count reads a size; a gigabyte is more than any server sends.
func count(s string) (n int, ok bool) {
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 || n > 1<<30 {
			return 0, false
		}
		n = n*10 + int(d)
	}
	return n, len(s) > 0
}
