package main

import (
	"context"
	"flag"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/bridge"
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/policylog"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// brokerFlags say how to reach riskd's broker.
type brokerFlags struct {
	url, creds string
	kafka      string
	ca         string
	cert, key  string
}

func bindBroker(fs *flag.FlagSet, n *brokerFlags) {
	fs.StringVar(&n.url, "nats-url", "nats://127.0.0.1:4222", "riskd's NATS `server`")
	fs.StringVar(&n.creds, "nats-creds", "", "credentials `file` for it")
	fs.StringVar(&n.kafka, "broker", "", "riskd's Kafka in place of NATS: kafka://[user:password@]host:port[?sasl=...&tls=true&prefix=...], as with riskd")
	fs.StringVar(&n.ca, "kafka-ca", "", "PEM `file` with whom to trust beside the system's authorities")
	fs.StringVar(&n.cert, "kafka-cert", "", "PEM `file` with our certificate")
	fs.StringVar(&n.key, "kafka-key", "", "PEM `file` with its key")
}

// installation is a running riskd, as the commands meet it on its broker.
type installation struct {
	partitions int
	broker.Logs
	publisher func() (broker.Publisher, error)
	policies  func(context.Context) (policylog.Log, error)
	// identity is whom the broker has authenticated, such as nats:ann; "": it asks nobody.
	identity func(context.Context) string
	// signals visits what is stored since then, and what comes, until visit wants no more. Zero means only what comes.
	signals func(ctx context.Context, since time.Time, tenant string, visit func(*riskdv1.Signal) (more bool, err error)) error
	close   func()
	// bridge is the input as the target of a bridge; positions keep how far one has read here. name tells bridges apart.
	bridge    func() (bridge.Target, error)
	positions func(ctx context.Context, name string) (bridge.Positions, error)
}

// last is the newest record of a partition.
func (i *installation) last(ctx context.Context, partition int) (journal.Stored, bool, error) {
	return i.Log(partition).Last(ctx)
}

// onKafka tells Kafka from NATS.
func (n *brokerFlags) onKafka() bool { return strings.HasPrefix(n.kafka, "kafka://") }

// open connects as riskctl and what it does.
func (n *brokerFlags) open(ctx context.Context, what string) (*installation, error) {
	switch {
	case n.onKafka():
		return n.openKafka(ctx, "riskctl "+what)
	case n.kafka != "" && n.kafka != "nats":
		return nil, usageError("-broker: want kafka://host:port")
	}
	return n.openNATS(ctx, "riskctl "+what)
}
