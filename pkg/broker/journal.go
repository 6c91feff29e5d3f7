package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/riskd-io/riskd/pkg/journal"
)

const (
	// readerMessages and readerBytes bound what one partition's reader holds.
	readerMessages = 256
	readerBytes    = 8 << 20
	// pieceBytes bounds what is decoded at a time, unless one record is larger: about one record of a backlog. An event takes some thirty times
	// its stored bytes once it is decoded, so that eight of them for each of 32 partitions were more than a GiB.
	pieceBytes = 256 << 10
)

// Logs is what a JournalReader reads from: *natsjs.Broker, *kafka.Broker.
type Logs interface {
	Log(partition int) Log
}

// JournalReader reads the ledger in order, any number of partitions. Different partitions may be read at the same
// time; one partition by one goroutine at a time.
type JournalReader struct {
	logs Logs

	mu    sync.Mutex
	parts map[int]*partReader
}

type partReader struct {
	reader Reader
	at     uint64 // last sequence handed out
	chain  journal.Chain
	msgs   []Message
}

// NewJournalReader makes a reader. Close it.
func NewJournalReader(logs Logs) *JournalReader {
	return &JournalReader{logs: logs, parts: make(map[int]*partReader)}
}

// Next returns the records after sequence after, oldest first, at most max of them and about 256 KiB, and blocks until there is one.
// Reading on from the last one returned is cheap; any other position starts anew. Consecutive records are checked
// against each other: an error wraps [journal.ErrChain] or [journal.ErrCorrupt]. A gap at the start is a
// [TrimmedError].
func (r *JournalReader) Next(ctx context.Context, partition int, after uint64, max int) ([]journal.Stored, error) {
	p, err := r.part(partition, after)
	if err != nil {
		return nil, err
	}
	if p.msgs, err = p.reader.Take(ctx, p.msgs[:0], max, pieceBytes); err != nil && len(p.msgs) == 0 {
		if ctx.Err() == nil {
			r.forget(partition)
		}
		return nil, err
	}
	out := make([]journal.Stored, 0, len(p.msgs))
	for i := range p.msgs {
		m := &p.msgs[i]
		s, err := journal.Decode(partition, m.Seq, m.Data)
		if err == nil {
			err = p.chain.Next(s)
		}
		if err != nil {
			r.forget(partition)
			if len(out) > 0 {
				return out, nil // the sound ones first; the next call meets the error again
			}
			return nil, fmt.Errorf("reading journal of partition %d seq %d: %w", partition, m.Seq, err)
		}
		p.at = m.Seq
		out = append(out, s)
	}
	clear(p.msgs)
	if err != nil { // what was sound comes first
		r.forget(partition)
	}
	return out, nil
}

func (r *JournalReader) part(partition int, after uint64) (*partReader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.parts[partition]; p != nil {
		if p.at == after {
			return p, nil
		}
		p.reader.Close()
		delete(r.parts, partition)
	}
	reader, err := r.logs.Log(partition).Records(after, readerMessages, readerBytes)
	if err != nil {
		return nil, err
	}
	p := &partReader{reader: reader, at: after}
	r.parts[partition] = p
	return p, nil
}

func (r *JournalReader) forget(partition int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.parts[partition]; p != nil {
		p.reader.Close()
		delete(r.parts, partition)
	}
}

// Last reads the newest record of a partition; ok is false when there is none yet.
func (r *JournalReader) Last(ctx context.Context, partition int) (s journal.Stored, ok bool, err error) {
	return r.logs.Log(partition).Last(ctx)
}

// Close ends all its readers. No Next may be running.
func (r *JournalReader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, p := range r.parts {
		p.reader.Close()
		delete(r.parts, n)
	}
}
