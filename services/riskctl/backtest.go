package main

import (
	"context"
	"flag"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/rules"
	"github.com/riskd-io/riskd/pkg/service"
)

var backtestCommand = &command{
	name: "backtest", args: "[FILE...]", short: "what would a new policy change? history, with state, through both",
	long: `
Plays history through the live policy and a new one at once, with the profiles, sessions and challenges the scorer would
have, and reports what would change: prompts per user and week, by which rule, which sessions would be
questioned newly or no more, and which attacks that were caught would not be. Nothing is written anywhere.

History is what ClickHouse holds of the running riskd, read user by user in memory that does not grow with it; or its journal on
the broker (-source journal, -nats-url); or event files as riskctl score reads them (/dev/stdin is one). ClickHouse and the
journal know the decisions that were made as well: the report says how many of them the live policy gives again byte for byte,
each by the version that was in force then. All of them is what it should say, when -live (what riskd was started with, as
-policy there) and -baseline are riskd's and no history is missing. Without -live, "new" is compared with what is in force now.

Events before -from build up what is known of people, and are not counted. -warm-up bounds how long before -from they are read:
quicker, and decisions are then near those on record instead of the same.

History does not tell how people would answer a challenge that was not raised: it counts as passed when the session goes
on. With decisions on record that is so for the new policy alone, with files (bare events, which nobody was asked about) for both;
-answers history, assumed or none says otherwise. Answers that history has go to the challenge of the same session.

  riskctl backtest -policy new.yaml
  riskctl backtest -policy new.yaml -from 2026-11-01 -to 2026-11-15
  riskctl backtest -policy new.yaml -live now.yaml -json events.jsonl | jq .rules
  riskctl simulate -labels truth.jsonl > events.jsonl; riskctl backtest -policy new.yaml -labels truth.jsonl events.jsonl

The last line says how fast it was. An event is judged twice, by both policies.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var b backtesting
		bindBroker(fs, &b.broker)
		b.geo.bind(fs)
		b.db.dsnOnly(fs)
		fs.StringVar(&b.source, "source", "clickhouse", "`clickhouse` or journal: where history is, when no files are named")
		fs.StringVar(&b.warmUp, "warm-up", "", "how long before -from events are read, such as `90d`; empty: all there are")
		fs.StringVar(&b.next, "policy", "", "the new policy: `file` or folder; empty: the live one again")
		fs.StringVar(&b.live, "live", "", "the live policy: `file` or folder; empty: the default policy")
		fs.StringVar(&b.baseline, "baseline", "", "`file` of how common things are among everyone; empty: the built-in one")
		fs.StringVar(&b.from, "from", "", "count events from this `day` (2026-11-01) or time (RFC 3339) on; those before build up state")
		fs.StringVar(&b.to, "to", "", "count events before this `day` or time")
		fs.IntVar(&b.workers, "workers", 0, "`number` of users played at the same time; 0: one per processor")
		fs.IntVar(&b.examples, "examples", 10, "`number` of changed sessions to name of each sort; 1000000 for all, best with -json")
		fs.StringVar(&b.labels, "labels", "", "with files: `file` that says which events were attackers', JSON lines with id and kind as riskctl simulate -labels writes them")
		fs.StringVar(&b.answers, "answers", "", "`history`, assumed or none: answers to challenges; empty: history with the journal, assumed with files")
		fs.BoolVar(&b.asJSON, "json", false, "the report as JSON")
		fs.BoolVar(&b.quiet, "quiet", false, "no progress on stderr")
		return b.run
	},
}

// backtesting is one run of riskctl backtest.
type backtesting struct {
	broker                     brokerFlags
	db                         databaseFlags
	geo                        geoFlags
	source, warmUp             string
	live, next, baseline       string
	from, to                   string
	workers, examples          int
	answers, labels            string
	asJSON, quiet              bool
	badLines                   int
	trimmed                    uint64 // records of the journal, or events of ClickHouse
	cut                        bool   // by -warm-up
	errOut                     io.Writer
	enricher                   *enrich.Enricher
	attacks                    map[string]string // kinds by event id, of -labels
	population                 *baseline.Baseline
	base                       []*rules.File // of -live
	liveVersions, nextVersions []string
}

func (b *backtesting) run(ctx context.Context, std streams, files []string) error {
	b.errOut = std.err
	service.KeepHeapRoom(0) // nearly all that it allocates is gone after an event
	cfg, err := b.config()
	if err != nil {
		return err
	}
	var known bool
	if b.answers == "" && len(files) > 0 {
		b.answers = "assumed"
	}
	if cfg.Answers, known = answerModes[b.answers]; !known {
		return usageError("-answers: want history, assumed or none")
	}
	cfg.Done = new(atomic.Int64)
	var play func(context.Context) (*backtest.Report, error)
	bar := newProgress(std.err, cfg.Done)
	switch {
	case len(files) > 0:
		src, err := b.files(files, bar)
		if err != nil {
			return err
		}
		play = func(ctx context.Context) (*backtest.Report, error) { return backtest.Run(ctx, cfg, src) }
	case b.labels != "":
		return usageError("-labels is for files; in what ClickHouse and the journal hold, people's feedback is the label")
	case b.source != "clickhouse" && b.source != "journal":
		return usageError("-source: want clickhouse or journal")
	default:
		in, err := b.broker.open(ctx, "backtest")
		if err != nil {
			return err
		}
		defer in.close()
		stop, err := b.follow(ctx, in, &cfg)
		if err != nil {
			return err
		}
		defer stop()
		if play, err = b.played(ctx, in, &cfg, bar); err != nil {
			return err
		}
	}
	if !b.quiet {
		bar.start()
	}
	cpu := processorTime()
	report, err := play(ctx)
	bar.end()
	if err != nil {
		return err
	}
	return b.print(std.out, report, newSpeed(report, processorTime()-cpu))
}

var answerModes = map[string]backtest.Answers{
	"": backtest.FromHistory, "history": backtest.FromHistory, "assumed": backtest.Assumed, "none": backtest.NoAnswers,
}

func (b *backtesting) config() (cfg backtest.Config, err error) {
	base := baseline.Default()
	if b.baseline != "" {
		text, err := os.ReadFile(b.baseline)
		if err == nil {
			base, err = baseline.Parse(text)
		}
		if err != nil {
			return cfg, usageError("-baseline %s: %w", b.baseline, err)
		}
	}
	b.population = base
	if b.base, err = rules.Open(b.live); err != nil {
		return cfg, usageError("-live: %w", err)
	}
	live, err := rules.NewEngine(b.base, base)
	if err != nil {
		return cfg, err
	}
	next := live
	if b.next != "" {
		read, err := rules.Open(b.next)
		if err != nil {
			return cfg, usageError("-policy: %w", err)
		}
		if next, err = rules.NewEngine(read, base); err != nil {
			return cfg, err
		}
	}
	b.liveVersions, b.nextVersions = live.Versions(), next.Versions()
	cfg = backtest.Config{Live: live, New: next, Workers: b.workers, Examples: b.examples}
	if cfg.From, err = when("from", b.from); err != nil {
		return cfg, err
	}
	cfg.To, err = when("to", b.to)
	return cfg, err
}

// when reads a day or a time; "" is open.
func when(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("-%s: want a day such as 2026-11-01 or a time such as 2026-11-01T08:00:00Z, not %q", name, text)
}
