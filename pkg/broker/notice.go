package broker

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/riskd-io/riskd/schemas/notice"
)

// NoticesMaxAge is how long notices stay on the broker, NoticesMaxBytes how much of them where the broker counts bytes.
const (
	NoticesMaxAge   = 7 * 24 * time.Hour
	NoticesMaxBytes = 1 << 30
)

// NoticeID is the id of the n-th notice of a record. On Kafka, where a transaction's end has an offset of its own, the number is that behind
// the record before.
func NoticeID(pos Position, n int) string { return pos.String() + ":" + strconv.Itoa(n) }

// ParseNoticeID reads what [NoticeID] wrote.
func ParseNoticeID(id string) (pos Position, n int, ok bool) {
	at := strings.LastIndexByte(id, ':')
	if at < 0 {
		return pos, 0, false
	}
	pos, ok = ParsePosition(id[:at])
	n, err := strconv.Atoi(id[at+1:])
	return pos, n, ok && err == nil
}

// StoredNotice is a notice as the broker keeps it; Notice is nil where a message is none.
type StoredNotice struct {
	// Position in the stream or topic, ascending from 1.
	Position uint64
	Notice   *notice.Notice
}

// NoticeReader follows notices. One goroutine at a time.
type NoticeReader interface {
	// Take appends at least one notice to dst; it blocks until ctx ends.
	Take(ctx context.Context, dst []StoredNotice) ([]StoredNotice, error)
	Close()
}

// Notices is the stored stream of notices.
type Notices interface {
	// NewestNotice is the position of the newest one, 0 when there is none.
	NewestNotice(ctx context.Context) (uint64, error)
	// OpenNotices reads from a position on, 1 being the first.
	OpenNotices(from uint64) (NoticeReader, error)
}

// DecodeNotice is a message of the stream as a stored notice.
func DecodeNotice(m *Message) StoredNotice {
	s := StoredNotice{Position: m.Seq}
	if n, err := notice.Decode(m.Data); err == nil {
		s.Notice = n
	}
	return s
}
