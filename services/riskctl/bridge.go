package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/bridge"
)

var bridgeCommand = &command{
	name: "bridge", short: "copy events from one broker to another, as they come",
	long: `
Apps report where they are, riskd runs where you want it: a bridge copies riskd's input from NATS to Kafka or from Kafka to NATS, from the
oldest event there is and then as they come, and goes on where it was when it is started again. Events keep source and id, by which
riskd knows them: a copy that is made twice changes nothing. A bridge in the other direction leaves copies alone, so both may run. Run one for each
direction; flags are told on the side where riskd is.

  riskctl bridge -from nats://127.0.0.1:4222 -to kafka://127.0.0.1:9092
  riskctl bridge -from kafka://127.0.0.1:9092 -to nats://127.0.0.1:4222 -until-end`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var from, to string
		var shared brokerFlags
		fs.StringVar(&from, "from", "", "`address` to read from: nats://host:port or kafka://[user:password@]host:port[?...]")
		fs.StringVar(&to, "to", "", "`address` to copy to")
		fs.StringVar(&shared.creds, "nats-creds", "", "credentials `file` for NATS")
		fs.StringVar(&shared.ca, "kafka-ca", "", "PEM `file` with whom to trust beside the system's authorities")
		fs.StringVar(&shared.cert, "kafka-cert", "", "PEM `file` with our certificate")
		fs.StringVar(&shared.key, "kafka-key", "", "PEM `file` with its key")
		name := fs.String("name", "bridge", "tells this bridge from others that read at the same place: letters, digits, '-' and '_'")
		end := fs.Bool("until-end", false, "end when what was there at the start is copied")
		return func(ctx context.Context, std streams, _ []string) error {
			if strings.Trim(*name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || *name == "" {
				return usageError("-name: want letters, digits, '-' and '_'")
			}
			source, err := shared.at(ctx, "from", from)
			if err != nil {
				return err
			}
			defer source.close()
			target, err := shared.at(ctx, "to", to)
			if err != nil {
				return err
			}
			defer target.close()
			cfg := bridge.Config{From: source, Partitions: source.partitions, UntilEnd: *end, Log: slog.New(slog.NewTextHandler(std.err, nil))}
			if cfg.To, err = target.bridge(); err != nil {
				return err
			}
			if cfg.Positions, err = source.positions(ctx, *name); err != nil {
				return err
			}
			b, err := bridge.New(cfg)
			if err != nil {
				return err
			}
			stop := tellEvery(ctx, b, std)
			err = b.Run(ctx)
			stop()
			fmt.Fprintf(std.out, "bridge: %s\n", b)
			return err
		}
	},
}

// at opens what is at an address.
func (n brokerFlags) at(ctx context.Context, which, address string) (*installation, error) {
	switch {
	case strings.HasPrefix(address, "kafka://"):
		n.kafka = address
	case strings.HasPrefix(address, "nats://"), strings.HasPrefix(address, "tls://"):
		n.url = address
	default:
		return nil, usageError("-%s: want nats://host:port or kafka://host:port", which)
	}
	return n.open(ctx, "bridge")
}

// bridgeTold is how often a bridge says what it has done.
const bridgeTold = 10 * time.Second

func tellEvery(ctx context.Context, b *bridge.Bridge, std streams) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(bridgeTold)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				fmt.Fprintf(std.err, "bridge: %s\n", b)
			}
		}
	}()
	return func() { cancel(); <-done }
}
