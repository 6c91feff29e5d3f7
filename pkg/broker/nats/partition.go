package natsjs

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/schemas/subject"
)

// partitionLog is a partition's three streams. Every append is guarded by itself.
type partitionLog struct {
	js jetstream.JetStream
	n  int
}

func (l *partitionLog) Claim(context.Context) error { return nil }
func (l *partitionLog) Close()                      {}

func (l *partitionLog) Last(ctx context.Context) (journal.Stored, bool, error) {
	return LastRecord(ctx, l.js, l.n)
}

func (l *partitionLog) Append(ctx context.Context, last uint64, stored []byte, _ broker.Outgoing) (uint64, error) {
	return AppendRecord(ctx, l.js, l.n, last, stored)
}

func (l *partitionLog) Emptied(ctx context.Context) (uint64, error) {
	last, msgs, err := LastSeq(ctx, l.js, subject.JournalStream(l.n))
	if err != nil || msgs > 0 {
		return 0, err
	}
	return last, nil
}

func (l *partitionLog) Input(from uint64, messages, bytes int) (broker.Reader, error) {
	tail, err := OpenTail(l.js, subject.EventsStream(l.n), from, TailConfig{Messages: messages, Bytes: bytes})
	if err != nil {
		return nil, err
	}
	return &inputReader{tail: tail, next: from}, nil
}

func (l *partitionLog) InputEnd(ctx context.Context) (uint64, error) {
	last, _, err := LastSeq(ctx, l.js, subject.EventsStream(l.n))
	return last, err
}

func (l *partitionLog) Records(after uint64, messages, bytes int) (broker.Reader, error) {
	tail, err := OpenTail(l.js, subject.JournalStream(l.n), after+1, TailConfig{Messages: messages, Bytes: bytes})
	if err != nil {
		return nil, err
	}
	return &recordReader{inputReader: inputReader{tail: tail, next: after + 1}, partition: l.n}, nil
}

// pageMessages and pageBytes bound what is under way while all pages are read.
const (
	pageMessages = 128
	pageBytes    = 8 << 20
)

func (l *partitionLog) Pages(ctx context.Context, visit func(broker.Page) error) error {
	stream := subject.PagesStream(l.n)
	newest, err := l.newestPage(ctx, stream)
	if err != nil || newest == 0 {
		return err
	}
	tail, err := OpenTail(l.js, stream, 1, TailConfig{Messages: pageMessages, Bytes: pageBytes})
	if err != nil {
		return err
	}
	defer tail.Close()
	prefix := l.page("")
	var buf []Message
	for at := uint64(0); at < newest; {
		if buf, err = tail.Take(ctx, buf[:0], pageMessages, pageBytes); err != nil {
			return err
		}
		for i := range buf {
			m := &buf[i]
			at = m.Seq
			if err := visit(broker.Page{Name: strings.TrimPrefix(m.Subject(), prefix), Data: m.Data, Rev: m.Seq}); err != nil {
				return err
			}
		}
		clear(buf)
		if at < newest {
			continue
		}
		// An earlier owner's page may have been under way when the partition was claimed. It takes the older one out and lies behind what was the
		// end: who stops there has neither. When nothing lies behind what was read, all that was there is read.
		if newest, err = l.newestPage(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// newestPage is the sequence of the last page that is there, 0 when there is none: what the stream stored last may have been deleted by hand.
func (l *partitionLog) newestPage(ctx context.Context, stream string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	newest, err := ReadLast(ctx, l.js, stream, l.page("*"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return newest.Seq, nil
}

func (l *partitionLog) ReadPage(ctx context.Context, name string) (broker.Page, bool, error) {
	m, err := ReadLast(ctx, l.js, subject.PagesStream(l.n), l.page(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return broker.Page{}, false, nil
	}
	if err != nil {
		return broker.Page{}, false, err
	}
	return broker.Page{Name: name, Data: m.Data, Rev: m.Seq}, true, nil
}

func (l *partitionLog) StorePage(ctx context.Context, name string, rev uint64, data []byte) (uint64, error) {
	return StoreIf(ctx, l.js, l.page(name), rev, data)
}

func (l *partitionLog) TrimInput(ctx context.Context, keep uint64) error {
	return PurgeBelow(ctx, l.js, subject.EventsStream(l.n), keep)
}

func (l *partitionLog) TrimRecords(ctx context.Context, keep uint64) error {
	return PurgeBelow(ctx, l.js, subject.JournalStream(l.n), keep)
}

func (l *partitionLog) page(name string) string {
	return subject.Pages + "." + strconv.Itoa(l.n) + "." + name
}

// inputReader brings a stream's messages over the seam, a batch at a time.
type inputReader struct {
	tail *Tail
	msgs []Message
	next uint64 // the sequence that should come next: the streams have no holes of their own
}

func (r *inputReader) Close()              { r.tail.Close() }
func (r *inputReader) Done(through uint64) { r.tail.Done(through) }

func (r *inputReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], max, maxBytes)
	for i := range r.msgs {
		m := &r.msgs[i]
		dst = append(dst, broker.Message{Seq: m.Seq, StoredNS: m.StoredNS, Envelope: m.Envelope(), Data: m.Data,
			Pending: m.Pending, Missing: m.Seq - r.next})
		r.next = m.Seq + 1
	}
	clear(r.msgs)
	return dst, err
}

// recordReader is an inputReader of which nothing may be missing.
type recordReader struct {
	inputReader
	partition int
}

func (r *recordReader) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	start := len(dst)
	dst, err := r.inputReader.Take(ctx, dst, max, maxBytes)
	for i := start; i < len(dst); i++ {
		if m := &dst[i]; m.Missing > 0 {
			return dst[:i], &broker.TrimmedError{Partition: r.partition, After: m.Seq - m.Missing - 1, First: m.Seq}
		}
	}
	return dst, err
}
