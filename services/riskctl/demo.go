package main

import (
	"context"
	"flag"

	"github.com/riskd-io/riskd/services/riskctl/demo"
)

var demoCommand = &command{
	name: "demo", short: "run everything with a simulated population, and watch",
	long: `
Starts riskd (all roles, with NATS and the ClickHouse engine inside) and the demo app, then lets a simulated
population use it: first their past, as fast as it goes, then days in minutes, with thieves among them.
When a session is flagged the apps ask, the honest mostly pass, the thieves do not.

It ends with -seconds or Ctrl-C, waits until everything is in the record, compares what the broker took with
what the journal and ClickHouse hold, and prints the counts as its last line. Exit code 1 when they differ.

Each run has a folder of its own under demo/ in the data folder: record, logs, database. The one before is
kept, older ones are removed.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		cfg := demo.DefaultConfig()
		var geo geoFlags
		geo.bind(fs)
		fs.IntVar(&cfg.Seconds, "seconds", cfg.Seconds, "end after this many `seconds` of traffic; 0: with Ctrl-C")
		fs.IntVar(&cfg.Users, "users", cfg.Users, "`number` of people")
		fs.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "same seed, same people")
		fs.IntVar(&cfg.Rate, "rate", cfg.Rate, "most events per `second` while the past is sent")
		fs.BoolVar(&cfg.Plain, "plain", cfg.Plain, "progress lines instead of the live view")
		fs.StringVar(&cfg.Riskd, "riskd", cfg.Riskd, "the riskd `program`; empty: beside riskctl")
		fs.StringVar(&cfg.Kafka, "broker", "nats", "nats: inside riskd; kafka: Apache Kafka, started for the run; kafka://host:port: a cluster of yours")
		fs.StringVar(&cfg.KafkaScript, "kafka-script", cfg.KafkaScript, "the `script` that runs Apache Kafka")
		fs.StringVar(&cfg.DemoApp, "demoapp", cfg.DemoApp, "the demo app `program`; empty: beside riskctl")
		addresses := map[string]*string{}
		for _, p := range demo.Ports {
			addresses[p.Flag] = fs.String(p.Flag, p.Address, "`address` of the "+p.What)
		}
		return func(ctx context.Context, std streams, _ []string) error {
			if err := geo.settle(); err != nil {
				return err
			}
			cfg.Data, cfg.City, cfg.ASN = geo.data, geo.city, geo.asn
			for name, a := range addresses {
				cfg.Listen[name] = *a
			}
			if err := cfg.Validate(); err != nil {
				return &exit{exitUsage, err}
			}
			return demo.Run(ctx, cfg, std.out)
		}
	},
}
