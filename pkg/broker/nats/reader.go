package natsjs

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/schemas/subject"
)

// JournalReader reads the ledger in order, any number of partitions. Different partitions may be read at the same
// time; one partition by one goroutine at a time.
type JournalReader struct {
	js jetstream.JetStream

	mu    sync.Mutex
	parts map[int]*partReader
}

type partReader struct {
	tail  *Tail
	at    uint64 // last sequence handed out
	chain journal.Chain
	msgs  []Message
}

const (
	// readerMessages and readerBytes bound what one partition's reader holds.
	readerMessages = 256
	readerBytes    = 8 << 20
)

// NewJournalReader makes a reader. Close it to free its consumers.
func NewJournalReader(js jetstream.JetStream) *JournalReader {
	return &JournalReader{js: js, parts: make(map[int]*partReader)}
}

// Next returns the records after sequence after, oldest first, at most max of them, and blocks until there is one.
// Reading on from the last one returned is cheap; any other position starts anew. Consecutive records are checked
// against each other: an error wraps [journal.ErrChain] or [journal.ErrCorrupt]. A gap at the start is a
// [broker.TrimmedError].
func (r *JournalReader) Next(ctx context.Context, partition int, after uint64, max int) ([]journal.Stored, error) {
	p, err := r.part(partition, after)
	if err != nil {
		return nil, err
	}
	if p.msgs, err = p.tail.Take(ctx, p.msgs[:0], max, readerBytes); err != nil {
		return nil, err
	}
	out := make([]journal.Stored, 0, len(p.msgs))
	for i := range p.msgs {
		m := &p.msgs[i]
		if m.Seq != p.at+1 {
			r.forget(partition)
			return nil, &broker.TrimmedError{Partition: partition, After: p.at, First: m.Seq}
		}
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
	return out, nil
}

func (r *JournalReader) part(partition int, after uint64) (*partReader, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.parts[partition]; p != nil {
		if p.at == after {
			return p, nil
		}
		p.tail.Close()
		delete(r.parts, partition)
	}
	tail, err := OpenTail(r.js, subject.JournalStream(partition), after+1, TailConfig{Messages: readerMessages, Bytes: readerBytes})
	if err != nil {
		return nil, err
	}
	p := &partReader{tail: tail, at: after}
	r.parts[partition] = p
	return p, nil
}

func (r *JournalReader) forget(partition int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.parts[partition]; p != nil {
		p.tail.Close()
		delete(r.parts, partition)
	}
}

// Last reads the newest record of a partition; ok is false when there is none yet.
func (r *JournalReader) Last(ctx context.Context, partition int) (s journal.Stored, ok bool, err error) {
	return LastRecord(ctx, r.js, partition)
}

// Close ends all its consumers. No Next may be running.
func (r *JournalReader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, p := range r.parts {
		p.tail.Close()
		delete(r.parts, n)
	}
}

// LastRecord reads the newest record of a partition from the stream's leader, which knows of every
// acknowledged append; ok is false when there is none yet.
func LastRecord(ctx context.Context, js jetstream.JetStream, partition int) (s journal.Stored, ok bool, err error) {
	// The leader-side API on purpose: a direct get may be answered by a replica that lags.
	m, err := leaderLast(ctx, js, subject.JournalStream(partition), subject.JournalOf(partition))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("reading last journal record of partition %d: %w", partition, err)
	}
	s, err = journal.Decode(partition, m.Seq, m.Data)
	if err != nil {
		return s, false, fmt.Errorf("reading last journal record of partition %d seq %d: %w", partition, m.Seq, err)
	}
	return s, true, nil
}
