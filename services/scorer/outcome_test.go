package scorer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// outcome is what the journal says of all events.
type outcome struct {
	decisions map[string]string // by event, as JSON
	doubled   int               // events that were judged again
	signals   map[string]bool   // challenge@revision
	longest   time.Duration     // that a partition stood still between two of its records
	where     string            // and which one, since when
}

// decided reads the journal until all input is dealt with. Chains, input positions and totals are checked on the way.
func decided(t *testing.T, ctx context.Context, b broker.Logs, partitions int) outcome {
	t.Helper()
	inputs := make([]uint64, partitions)
	for p := range partitions {
		for {
			end, err := b.Log(p).InputEnd(ctx)
			if inputs[p] = end; err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // nobody leads it for a moment
		}
	}
	r := broker.NewJournalReader(b)
	defer r.Close()
	out := outcome{decisions: make(map[string]string), signals: make(map[string]bool)}
	for p, end := range inputs {
		var chain journal.Chain
		var input uint64
		var written int64
		for at := uint64(0); input < end; {
			recs, err := r.Next(ctx, p, at, 256)
			if err != nil {
				t.Fatalf("partition %d after %d, at input %d of %d: %v", p, at, input, end, err)
			}
			for _, s := range recs {
				if err := chain.Next(s); err != nil {
					t.Fatal(err)
				}
				if d := time.Duration(s.Record.WrittenMs-written) * time.Millisecond; at > 0 && d > out.longest {
					out.longest, out.where = d, fmt.Sprintf("partition %d behind record %d, %s", p, at, time.UnixMilli(written).Format(time.TimeOnly))
				}
				at, input, written = s.Seq, s.Record.InputLast, s.Record.WrittenMs
				out.add(t, s.Record)
			}
		}
	}
	return out
}

func (o *outcome) add(t *testing.T, rec *riskdv1.JournalRecord) {
	for _, e := range rec.Entries {
		switch e.Status {
		case riskdv1.JournalEntry_STATUS_SCORED:
			if o.decisions[e.Decision.EventId] != "" {
				o.doubled++
			}
			e.Decision.Geo = ""
			o.decisions[e.Decision.EventId] = string(wire.AppendDecisionJSON(nil, e.Decision))
			for _, sig := range e.Decision.Signals {
				o.signals[signalName(sig)] = true
			}
		case riskdv1.JournalEntry_STATUS_DUPLICATE:
		default:
			t.Errorf("event of input %d: %s %s", e.Input, e.Status, e.Reason)
		}
	}
}

// signalName tells signals apart.
func signalName(sig *riskdv1.Signal) string {
	return fmt.Sprintf("%s@%d of %s", sig.ChallengeId, sig.Revision, sig.SessionId)
}

// storedSignals is how often each signal is in its topic.
func storedSignals(t *testing.T, ctx context.Context, b *kafka.Broker) map[string]int {
	t.Helper()
	end, err := b.LastSignal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.OpenSignals(1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make(map[string]int)
	for at := uint64(0); at < end; {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // what is last may be the end of a transaction, which no reader gets
		got, err := r.Take(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got {
			at = s.Position
			if s.Signal == nil {
				t.Fatalf("what is at %d cannot be read", at)
			}
			out[signalName(s.Signal)]++
		}
	}
	return out
}
