package kafka_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// An owner writes under ids in turn: whichever is next when somebody else claims the partition, nothing of it is taken any more.
func TestAnOwnerIsShutOutUnderEachOfItsIds(t *testing.T) {
	cfg := kafkatest.Config(kafkatest.Fake(t), 1)
	kafkatest.Install(t, cfg)
	for appends := range 5 {
		t.Run(fmt.Sprintf("after %d appends", appends), func(t *testing.T) {
			old, next := kafkatest.Open(t, cfg).Log(0), kafkatest.Open(t, cfg).Log(0)
			defer old.Close()
			defer next.Close()
			last := claimed(t, old)
			for range appends {
				last = follow(t, old, last)
			}
			if seen := claimed(t, next); seen.Hash != last.Hash {
				t.Fatalf("the new owner begins at %d, the old one ended at %d", seen.Seq, last.Seq)
			}
			if _, err := old.Append(t.Context(), last.Seq, after(t, last), broker.Outgoing{}); !errors.Is(err, broker.ErrConflict) {
				t.Fatalf("got %v, want a conflict", err)
			}
			mine := follow(t, next, last)
			if got, _, err := next.Last(t.Context()); err != nil || got.Hash != mine.Hash {
				t.Fatalf("the last record is not the new owner's: %v", err)
			}
		})
	}
}

func claimed(t *testing.T, l broker.Log) journal.Stored {
	t.Helper()
	if err := l.Claim(t.Context()); err != nil {
		t.Fatal(err)
	}
	last, _, err := l.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// after is a record that follows another one.
func after(t *testing.T, last journal.Stored) []byte {
	t.Helper()
	data, err := journal.Encode(&riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Epoch: last.Record.GetEpoch() + 1, Owner: "w", PrevHash: last.Hash[:]})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func follow(t *testing.T, l broker.Log, last journal.Stored) journal.Stored {
	t.Helper()
	data := after(t, last)
	seq, err := l.Append(t.Context(), last.Seq, data, broker.Outgoing{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := journal.Decode(0, seq, data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
