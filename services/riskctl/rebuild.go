package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var rebuildCommand = &command{
	name: "rebuild", short: "fill ClickHouse anew from the journal",
	long: `
Checks the journal, empties the tables in ClickHouse that are made from it, the sink's books among them, and waits until
the sink has written everything again, each row once. The sink of the running riskd does the writing: it notices
within seconds that its books are empty. Flags, profiles and the journal are not touched, and neither is what no
journal could give back: who looked at what in the console, changes of policies, accepted losses.

A journal that was trimmed (-scorer-journal-keep) cannot give back what it no longer holds: that is refused
unless -partial says that the loss is accepted. Of a sharded database only the server of the DSN is emptied:
run it once for each shard.

  riskctl rebuild -yes
  riskctl rebuild -yes -clickhouse-dsn http://user:password@host:8123/risk`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var (
			n brokerFlags
			d databaseFlags
		)
		bindBroker(fs, &n)
		d.bind(fs)
		yes := fs.Bool("yes", false, "really empty the tables")
		partial := fs.Bool("partial", false, "accept that what was trimmed from the journal is lost in ClickHouse too")
		settle := fs.Duration("settle", 5*time.Second, "`time` in which a batch that was under way shows up and is removed too")
		wait := fs.Duration("wait", 10*time.Minute, "`time` to wait for the sink; 0: do not wait")
		return func(ctx context.Context, std streams, _ []string) error {
			in, err := n.open(ctx, "rebuild")
			if err != nil {
				return err
			}
			defer in.close()
			sum, err := verifyChain(ctx, in)
			if err != nil {
				return fmt.Errorf("the journal is not whole, ClickHouse is left as it is: %w", err)
			}
			if sum.trimmed > 0 && !*partial {
				return fmt.Errorf("%d older records have been trimmed from the journal and would be lost; -partial accepts that", sum.trimmed)
			}
			if !*yes {
				return usageError("the journal is whole: %d records, %d decisions; -yes empties the tables", sum.records, sum.totals.Scored)
			}
			conn, err := d.open()
			if err != nil {
				return err
			}
			defer conn.Close()
			r := rebuild{conn: conn, out: std.out}
			if err := r.empty(ctx, *settle); err != nil {
				return err
			}
			if *wait == 0 {
				return nil
			}
			return r.refilled(ctx, sum, *wait)
		}
	},
}

// rebuild empties a database and watches it fill.
type rebuild struct {
	conn driver.Conn
	out  io.Writer
}

// empty truncates all tables, again while a batch that was under way leaves something behind.
func (r *rebuild) empty(ctx context.Context, settle time.Duration) error {
	for range 5 {
		tables, err := r.tables(ctx)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := r.conn.Exec(ctx, "TRUNCATE TABLE `"+strings.ReplaceAll(t, "`", "")+"`"); err != nil {
				return fmt.Errorf("emptying %s: %w", t, err)
			}
		}
		fmt.Fprintf(r.out, "emptied %d tables\n", len(tables))
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return ctx.Err()
		}
		// The sink numbers from one when it begins anew. Other numbers are of a batch cut before.
		var stray uint64
		err = r.conn.QueryRow(ctx, `SELECT countIf(least_batch > 1) FROM (
			SELECT sink, min(batch) AS least_batch FROM (SELECT sink, batch FROM `+localTable("sink_batches", tables)+` UNION ALL SELECT sink, batch FROM `+localTable("sink_positions", tables)+`) GROUP BY sink)`).Scan(&stray)
		if err != nil {
			return fmt.Errorf("reading the sink's books: %w", err)
		}
		if stray == 0 {
			return nil
		}
	}
	return fmt.Errorf("a sink keeps writing batches of before: stop it, and run rebuild again")
}

// localTable is where the rows of a table are: the table itself, or the one below it in a sharded database.
func localTable(name string, tables []string) string {
	for _, t := range tables {
		if t == name+"_local" {
			return t
		}
	}
	return name
}

// notOfTheJournal are tables that a rebuild must leave: nothing could fill them again.
var notOfTheJournal = []string{"schema_migrations", "console_audit", "policy_changes", "sink_losses", "notices"}

// tables are those that hold rows made from the journal.
func (r *rebuild) tables(ctx context.Context) ([]string, error) {
	rows, err := r.conn.Query(ctx, `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
		AND NOT has(?, replaceRegexpOne(name, '_local$', '')) AND name NOT LIKE '.inner%' ORDER BY name`, notOfTheJournal)
	if err != nil {
		return nil, fmt.Errorf("listing the tables: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing the tables: %w", err)
		}
		out = append(out, name)
	}
	if len(out) == 0 && rows.Err() == nil {
		return nil, fmt.Errorf("this database has no tables of riskd's")
	}
	return out, rows.Err()
}

// refilled waits until ClickHouse has as many decisions as the journal had.
func (r *rebuild) refilled(ctx context.Context, sum *ledger, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var told time.Time
	for {
		var have uint64
		if err := r.conn.QueryRow(ctx, "SELECT count() FROM features").Scan(&have); err != nil && ctx.Err() == nil {
			return fmt.Errorf("counting rows: %w", err)
		}
		if have >= sum.totals.Scored && sum.trimmed == 0 {
			_, err := fmt.Fprintf(r.out, "rebuilt: %d decisions of %d in the journal\n", have, sum.totals.Scored)
			return err
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Fprintf(r.out, "%d of %d decisions\n", have, sum.totals.Scored)
		}
		if sum.trimmed > 0 { // how many are left is not known beforehand
			_, err := fmt.Fprintln(r.out, "the sink is at work; riskd_sink_lag_records says when it is done")
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d decisions are back after %s: is a sink running?", have, sum.totals.Scored, patience)
		}
	}
}
