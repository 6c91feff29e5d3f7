package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/event"
)

var baselineCommand = &command{
	name: "baseline", args: "build [flags]", short: "make a baseline, what is usual for people, from your own history",
	long: `
Counts how common countries, networks, browsers, hours and actions are among the people of an installation, and
writes it as a versioned JSON document that riskd and riskctl load with -baseline and that every decision names.
Short history is mixed with the shipped baseline. A value is listed only when three people share it, and nobody
counts with more than a thousand events. Events under question do not count.

History comes from ClickHouse, from the journal on the broker, or from events as JSON lines ("-": stdin).
With -groups each tenant with enough people gets a baseline of its own inside the same document.

  riskctl baseline build -from-clickhouse -o baseline.json
  riskctl baseline build -from-journal -groups 50 -o baseline.json
  riskctl baseline build -events history.jsonl -o baseline.json
  riskd -baseline baseline.json`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var b baselineBuild
		b.db.dsnOnly(fs)
		bindBroker(fs, &b.broker)
		b.geo.bind(fs)
		fs.BoolVar(&b.clickhouse, "from-clickhouse", false, "read the record in ClickHouse")
		fs.BoolVar(&b.journal, "from-journal", false, "read the journal on the broker")
		fs.StringVar(&b.events, "events", "", "read events as JSON lines from this `file`; - is stdin")
		fs.StringVar(&b.out, "o", "", "write the baseline to this `file`; empty: stdout")
		fs.StringVar(&b.version, "name", "", "`version` that decisions will name; empty: the day of the latest event")
		fs.IntVar(&b.days, "days", 90, "with -from-clickhouse: `days` of history")
		fs.IntVar(&b.groups, "groups", 0, "give each tenant with this many `people` its own; 0: none")
		return func(ctx context.Context, std streams, args []string) error {
			if len(args) == 0 || args[0] != "build" {
				return usageError("want: riskctl baseline build [flags]")
			}
			if len(args) > 1 {
				return usageError("unexpected argument %q", args[1])
			}
			return b.run(ctx, std)
		}
	},
}

// baselineBuild is one run of riskctl baseline build.
type baselineBuild struct {
	db                  databaseFlags
	broker              brokerFlags
	geo                 geoFlags
	clickhouse, journal bool
	events              string
	out, version        string
	days, groups        int

	all     *baseline.Builder
	tenants map[string]*baseline.Builder
	last    event.Millis
	bad     int
}

// maxBaselineTenants bounds the tenants counted apart.
const maxBaselineTenants = 10_000

func (b *baselineBuild) run(ctx context.Context, std streams) error {
	var sources []func(context.Context, streams) (string, error)
	if b.clickhouse {
		sources = append(sources, b.fromClickHouse)
	}
	if b.journal {
		sources = append(sources, b.fromJournal)
	}
	if b.events != "" {
		sources = append(sources, b.fromEvents)
	}
	if len(sources) != 1 {
		return usageError("name one source: -from-clickhouse, -from-journal or -events FILE")
	}
	if b.days < 1 || b.groups < 0 {
		return usageError("-days wants at least 1, -groups at least 0")
	}
	b.all, b.tenants = baseline.NewBuilder(), map[string]*baseline.Builder{}
	source, err := sources[0](ctx, std)
	if err != nil {
		return err
	}
	if b.all.Events() == 0 {
		return errors.New("no event of a person in there: nothing to build from")
	}
	doc, err := b.document(source)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if _, err := baseline.Parse(text); err != nil {
		return err
	}
	if b.out == "" {
		_, err = fmt.Fprintf(std.out, "%s\n", text)
	} else {
		err = os.WriteFile(b.out, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	fmt.Fprintf(std.err, "riskctl baseline: version %s, %d events of %d people, %d groups, %d lines bad\n", doc.Version, b.all.Events(), b.all.Users(), len(doc.Groups), b.bad)
	return nil
}

func (b *baselineBuild) document(source string) (baseline.Document, error) {
	version := b.version
	if version == "" {
		version = time.UnixMilli(int64(b.last)).UTC().Format(time.DateOnly)
	}
	doc, err := b.all.Document(baseline.Default(), version, source)
	if err != nil {
		return doc, err
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return doc, err
	}
	population, err := baseline.Parse(text)
	if err != nil {
		return doc, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(b.tenants)) {
		if b.tenants[tenant].Users() < b.groups {
			continue
		}
		group, err := b.tenants[tenant].Document(population, version, tenant+" in "+source)
		if err != nil {
			return doc, err
		}
		if doc.Groups == nil {
			doc.Groups = map[string]baseline.Document{}
		}
		doc.Groups[tenant] = group
	}
	return doc, nil
}

func (b *baselineBuild) add(ev *event.Event) {
	b.all.Add(ev)
	b.last = max(b.last, ev.Time)
	if b.groups == 0 {
		return
	}
	of := b.tenants[ev.Tenant]
	if of == nil {
		if len(b.tenants) == maxBaselineTenants {
			return
		}
		of = baseline.NewBuilder()
		b.tenants[cloneString(ev.Tenant)] = of
	}
	of.Add(ev)
}
