package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/broker"
)

var acceptLossCommand = &command{
	name: "accept-loss", short: "let the sink go on behind records that the journal no longer holds",
	long: `
A sink that was away for longer than the journal is kept (-scorer-journal-keep) finds that records which it has not
persisted are gone. It then stands still with those partitions, because going on would hide it. This command shows the
gaps; with -yes it writes into ClickHouse (table sink_losses) that they are accepted, by whom and when, and the sink goes on
within seconds. What is missing can only be had from a backup of the journal: restore that instead, if there is one.

  riskctl accept-loss
  riskctl accept-loss -yes -clickhouse-dsn http://user:password@host:8123/risk`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var (
			n brokerFlags
			d databaseFlags
		)
		bindBroker(fs, &n)
		d.bind(fs)
		yes := fs.Bool("yes", false, "really accept that these records are missing in ClickHouse")
		return func(ctx context.Context, std streams, _ []string) error {
			in, err := n.open(ctx, "accept-loss")
			if err != nil {
				return err
			}
			defer in.close()
			conn, err := d.open()
			if err != nil {
				return err
			}
			defer conn.Close()
			gaps, err := findGaps(ctx, conn, in)
			if err != nil {
				return err
			}
			if len(gaps) == 0 {
				_, err := fmt.Fprintln(std.out, "nothing is missing: every partition's journal goes on where ClickHouse ends")
				return err
			}
			for _, g := range gaps {
				fmt.Fprintf(std.out, "sink %s, partition %d: persisted to record %d, the journal begins at %d: %d records are gone\n", g.sink, g.partition, g.after, g.first, g.first-g.after-1)
			}
			if !*yes {
				return usageError("-yes accepts that these records are missing in ClickHouse")
			}
			return acceptGaps(ctx, conn, gaps, std)
		}
	},
}

// gap is what is missing between ClickHouse and the journal of a partition.
type gap struct {
	sink         string
	partition    uint16
	after, first uint64
}

// findGaps compares the sink's books with the oldest record of each partition.
func findGaps(ctx context.Context, conn driver.Conn, in *installation) ([]gap, error) {
	rows, err := conn.Query(ctx, "SELECT sink, partition, argMax(seq, batch) FROM sink_positions GROUP BY sink, partition ORDER BY sink, partition")
	if err != nil {
		return nil, fmt.Errorf("reading the sink's books: %w", err)
	}
	defer rows.Close()
	var gaps []gap
	reader := broker.NewJournalReader(in)
	defer reader.Close()
	for rows.Next() {
		var g gap
		if err := rows.Scan(&g.sink, &g.partition, &g.after); err != nil {
			return nil, fmt.Errorf("reading the sink's books: %w", err)
		}
		last, ok, err := in.last(ctx, int(g.partition))
		if err != nil {
			return nil, err
		}
		if !ok || last.Seq <= g.after {
			continue
		}
		_, err = reader.Next(ctx, int(g.partition), g.after, 1)
		var trimmed *broker.TrimmedError
		if errors.As(err, &trimmed) {
			g.first = trimmed.First
			gaps = append(gaps, g)
		} else if err != nil {
			return nil, err
		}
	}
	return gaps, rows.Err()
}

// acceptGaps writes down that the gaps are accepted, where the sink looks for it.
func acceptGaps(ctx context.Context, conn driver.Conn, gaps []gap, std streams) error {
	tables, err := (&rebuild{conn: conn}).tables(ctx)
	if err != nil {
		return err
	}
	by := "unknown"
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		by += "@" + host
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+localTable("sink_losses", tables)+" (sink, partition, after, first, accepted_at, accepted_by)")
	if err != nil {
		return fmt.Errorf("accepting losses: %w", err)
	}
	defer batch.Close()
	for _, g := range gaps {
		if err := batch.Append(g.sink, g.partition, g.after, g.first, time.Now().UTC(), strings.ToValidUTF8(by, "?")); err != nil {
			return fmt.Errorf("accepting losses: %w", err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("accepting losses: %w", err)
	}
	_, err = fmt.Fprintf(std.out, "accepted: %d gaps; the sink goes on within seconds, riskd_sink_broken_partitions says when\n", len(gaps))
	return err
}
