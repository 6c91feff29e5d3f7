package natsjs

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/schemas/subject"
)

// NewJournalReader makes a reader. Close it to free its consumers.
func NewJournalReader(js jetstream.JetStream) *broker.JournalReader {
	return broker.NewJournalReader(NewBroker(js))
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
