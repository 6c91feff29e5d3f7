package main

import (
	"context"
	"fmt"
	"os"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/enrich"
)

// files is the history in event files.
func (b *backtesting) files(names []string, bar *progress) (backtest.Source, error) {
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			bar.total = 0 // nobody knows how long it is
			break
		}
		bar.total += info.Size()
	}
	bar.done = bar.bytes.Load
	if b.labels != "" {
		var err error
		if b.attacks, err = readLabels(b.labels); err != nil {
			return nil, usageError("-labels %s: %w", b.labels, err)
		}
	}
	if err := b.geo.settle(); err != nil {
		return nil, err
	}
	cfg := enrich.DefaultConfig()
	cfg.City, cfg.ASN = b.geo.city, b.geo.asn
	var err error
	if b.enricher, err = enrich.New(cfg); err != nil {
		return nil, fmt.Errorf("opening geo data: %w", err)
	}
	return func(ctx context.Context, hand func(backtest.Item) error) error {
		for _, name := range names {
			if err := b.file(ctx, name, hand, bar); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func (b *backtesting) file(ctx context.Context, name string, hand func(backtest.Item) error, bar *progress) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	chunks := make(chan chunk, chunksAhead)
	done := make(chan struct{})
	go func() {
		defer close(done)
		readChunks(ctx, &counted{f, &bar.bytes}, chunks)
	}()
	var failed error
	for c := range chunks {
		for i := range c.lines {
			l := &c.lines[i]
			if l.err != nil {
				b.badLines++
				if b.badLines <= maxComplaints {
					fmt.Fprintf(b.errOut, "riskctl backtest: %s: line %d: %v\n", name, l.number, l.err)
				}
				continue
			}
			if failed == nil {
				failed = hand(backtest.Item{Event: l.ev, Enrichment: b.enricher.Enrich(l.ev, l.ev.TimeMs), Attack: b.attacks[l.ev.Id]})
			}
		}
		if failed != nil {
			return failed
		}
		if c.err != nil {
			return c.err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	<-done
	return nil
}

// maxComplaints bounds the lines on stderr about bad input.
const maxComplaints = 20
