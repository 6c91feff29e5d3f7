package backtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
)

// recordsAtOnce bounds one read of the journal.
const recordsAtOnce = 256

// Journal is the history in the broker's journal, up to what it holds now, with the decisions that were made: each partition
// from its first record. trimmed, when set, is told how many older records are gone; profiles then lack what they
// had learned from those, and decisions cannot be expected to be the same.
func Journal(js jetstream.JetStream, trimmed func(records uint64)) Source {
	return func(ctx context.Context, hand func(Item) error) error {
		partitions, err := natsjs.Partitions(ctx, js)
		if err != nil {
			return err
		}
		return JournalOf(natsjs.NewBroker(js), partitions, trimmed)(ctx, hand)
	}
}

// JournalOf is Journal on any broker.
func JournalOf(logs broker.Logs, partitions int, trimmed func(records uint64)) Source {
	return func(ctx context.Context, hand func(Item) error) error {
		reader := broker.NewJournalReader(logs)
		defer reader.Close()
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.GOMAXPROCS(0)) // decoding records is the larger part of reading them
		var mu sync.Mutex
		one := func(items []Item) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range items {
				if err := hand(items[i]); err != nil {
					return err
				}
			}
			return nil
		}
		gone := func(records uint64) {
			mu.Lock()
			defer mu.Unlock()
			if trimmed != nil {
				trimmed(records)
			}
		}
		for p := range partitions {
			g.Go(func() error {
				if err := partition(ctx, reader, p, gone, one); err != nil {
					return fmt.Errorf("partition %d: %w", p, err)
				}
				return nil
			})
		}
		return g.Wait()
	}
}

// JournalSize counts the events that the journal has judged.
func JournalSize(ctx context.Context, logs broker.Logs, partitions int) (events uint64, err error) {
	for p := range partitions {
		last, any, err := logs.Log(p).Last(ctx)
		if err != nil {
			return 0, err
		}
		if any {
			t := last.Record.Totals
			events += t.GetScored() + t.GetLate()
		}
	}
	return events, nil
}

func partition(ctx context.Context, reader *broker.JournalReader, p int, trimmed func(uint64), hand func([]Item) error) error {
	var items []Item
	last, any, err := reader.Last(ctx, p)
	if err != nil || !any {
		return err
	}
	for at := uint64(0); at < last.Seq; {
		records, err := reader.Next(ctx, p, at, recordsAtOnce)
		var gone *broker.TrimmedError
		if at == 0 && errors.As(err, &gone) {
			at = gone.First - 1
			trimmed(at)
			continue
		}
		if err != nil {
			return err
		}
		items = items[:0]
		for _, r := range records {
			for _, e := range r.Record.Entries {
				if e.Event == nil {
					continue // a duplicate, or no event at all
				}
				items = append(items, Item{Event: e.Event, Enrichment: e.Enrichment, Recorded: e.Decision, Revision: r.Record.Policies})
			}
			at = r.Seq
			if at >= last.Seq {
				break
			}
		}
		if err := hand(items); err != nil {
			return err
		}
	}
	return nil
}
