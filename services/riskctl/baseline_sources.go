package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

func (b *baselineBuild) addWire(pb *riskdv1.Event, en *riskdv1.Enrichment) error {
	var ev event.Event
	if err := wire.ToEvent(pb, en, &ev); err != nil {
		return err
	}
	b.add(&ev)
	return nil
}

func (b *baselineBuild) fromEvents(ctx context.Context, std streams) (string, error) {
	if err := b.geo.settle(); err != nil {
		return "", err
	}
	enricher, err := enrich.New(enrich.Config{City: b.geo.city, ASN: b.geo.asn})
	if err != nil {
		return "", err
	}
	var in io.Reader = std.in
	if b.events != "-" {
		f, err := os.Open(b.events)
		if err != nil {
			return "", usageError("-events: %w", err)
		}
		defer f.Close()
		in = f
	}
	lines := newLineReader(in)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return "events", nil
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return "", fmt.Errorf("reading events: %w", err)
		}
		if lines.number%4096 == 0 && ctx.Err() != nil {
			return "", ctx.Err()
		}
		var pb *riskdv1.Event
		if err == nil {
			pb, err = wire.DecodeJSON(line)
		}
		if err == nil {
			err = b.addWire(pb, enricher.Enrich(pb, pb.TimeMs))
		}
		if err != nil {
			if b.bad++; b.bad == 1 {
				fmt.Fprintf(std.err, "riskctl baseline: line %d: %v\n", lines.number, err)
			}
		}
	}
}

// fromJournal counts what was scored and allowed, in sessions that were not shut at the time.
func (b *baselineBuild) fromJournal(ctx context.Context, _ streams) (string, error) {
	in, err := b.broker.open(ctx, "baseline")
	if err != nil {
		return "", err
	}
	defer in.close()
	reader := broker.NewJournalReader(in)
	defer reader.Close()
	for p := range in.partitions {
		last, ok, err := in.last(ctx, p)
		if err != nil {
			return "", err
		}
		if !ok {
			continue
		}
		at, err := firstRecord(ctx, reader, p)
		if err != nil {
			return "", err
		}
		for at < last.Seq {
			records, err := reader.Next(ctx, p, at, 256)
			if err != nil {
				return "", err
			}
			for i := range records {
				for _, e := range records[i].Record.Entries {
					if e.Status != riskdv1.JournalEntry_STATUS_SCORED || e.Decision.GetAction() != "allow" {
						continue
					}
					if err := b.addWire(e.Event, e.Enrichment); err != nil {
						return "", fmt.Errorf("partition %d seq %d: %w", p, records[i].Seq, err)
					}
				}
			}
			at = records[len(records)-1].Seq
		}
	}
	return "journal", nil
}

// historyTimeout is for reading months of history, not for a person who waits.
const historyTimeout = time.Hour

func (b *baselineBuild) fromClickHouse(ctx context.Context, _ streams) (string, error) {
	b.db.data = b.geo.data
	conn, err := b.db.open()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	cfg := story.DefaultConfig()
	cfg.Timeout = historyTimeout
	reader, err := story.New(cfg, conn)
	if err != nil {
		return "", err
	}
	if err := reader.History(ctx, time.Now().AddDate(0, 0, -b.days), func(ev *event.Event) error { b.add(ev); return nil }); err != nil {
		return "", fmt.Errorf("reading history: %w", err)
	}
	return "ClickHouse", nil
}
