package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/services/console"
	"github.com/riskd-io/riskd/services/gateway"
)

// mode is what riskd was asked to do instead of running.
type mode int

const (
	serve mode = iota
	verifyConfig
	printConfig
	showVersion
)

// modeFlags are flags that are no settings.
var modeFlags = []string{"verify-config", "print-config", "version"}

// otherEnv are variables with our prefix that other programs of the house read.
var otherEnv = []string{"RISKD_CONFIG", "RISKD_CHROMIUM"}

// parse reads flags, environment and file into a valid Config.
func parse(args []string, usage io.Writer) (*Config, mode, error) {
	cfg := DefaultConfig()
	fs := flag.NewFlagSet("riskd", flag.ContinueOnError)
	fs.SetOutput(usage)
	target := fs.String("target", All, "`roles` to run: all, or a comma list of gateway, scorer, sink, signaler, console")
	verify := fs.Bool("verify-config", false, "check the settings, say what would run, and exit")
	show := fs.Bool("print-config", false, "print the settings in force as YAML, without secrets, and exit")
	version := fs.Bool("version", false, "print the version and exit")
	cfg.bind(fs)
	cfg.flags = fs

	if err := service.ParseSettings(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usageOf(fs, usage)
		}
		return nil, serve, err
	}
	var err error
	if cfg.Targets, err = parseTargets(*target); err != nil {
		return nil, serve, err
	}
	switch {
	case *version:
		return &cfg, showVersion, nil
	case *show:
		return &cfg, printConfig, nil
	}
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return nil, serve, fmt.Errorf("-data: %w", err)
	}
	if err := cfg.settleKafka(); err != nil {
		return nil, serve, err
	}
	cfg.settle()
	if err := cfg.Validate(); err != nil {
		return nil, serve, err
	}
	if *verify {
		return &cfg, verifyConfig, nil
	}
	return &cfg, serve, nil
}

// bind makes each setting a flag. The flag's name is also its key in the file and, with RISKD_ and
// in capitals, its variable.
func (c *Config) bind(fs *flag.FlagSet) {
	fs.StringVar(&c.Data, "data", c.Data, "`folder` of everything this process keeps")
	fs.StringVar(&c.Log.Level, "log-level", c.Log.Level, "debug, info, warn or error")
	fs.StringVar(&c.Log.Format, "log-format", c.Log.Format, "text for people or json for collectors")
	fs.StringVar(&c.Admin.Listen, "admin-listen", c.Admin.Listen, "`address` of health and metrics, for all roles of the process")
	fs.BoolVar(&c.Admin.Pprof, "admin-pprof", c.Admin.Pprof, "serve Go profiles there too")
	fs.StringVar(&c.PyroscopeURL, "pyroscope-url", c.PyroscopeURL, "send continuous profiles to this Pyroscope `server`")

	fs.Var(&c.BrokerURL, "broker", "`which` broker: nats, kafka, or kafka://[user:password@]host:port,...")
	fs.StringVar(&c.Flags, "flags", c.Flags, "`where` flags and signals are: empty: where the events are; nats: there, with events on Kafka")
	fs.Var((*list)(&c.Kafka.Brokers), "kafka-brokers", "`addresses` of some of your Kafka brokers, host:port (comma list)")
	fs.StringVar(&c.Kafka.Prefix, "kafka-prefix", c.Kafka.Prefix, "`begin` of the names of topics, group and transactional ids")
	fs.StringVar(&c.Kafka.Partitioner, "kafka-partitioner", c.Kafka.Partitioner, "the `partitioner` of the apps' producers: java or librdkafka")
	fs.StringVar(&c.Kafka.SASL, "kafka-sasl", c.Kafka.SASL, "`mechanism`: plain, scram-sha-256 or scram-sha-512")
	fs.StringVar(&c.Kafka.User, "kafka-user", c.Kafka.User, "`name` for it")
	fs.Var(&c.KafkaPassword, "kafka-password", "`password` for it; better in the variable")
	fs.BoolVar(&c.Kafka.TLS, "kafka-tls", c.Kafka.TLS, "encrypt the connections to Kafka")
	fs.StringVar(&c.Kafka.CA, "kafka-ca", c.Kafka.CA, "PEM `file` of authorities to trust besides the system's")
	fs.StringVar(&c.Kafka.Cert, "kafka-cert", c.Kafka.Cert, "PEM `file` of a client certificate")
	fs.StringVar(&c.Kafka.Key, "kafka-key", c.Kafka.Key, "PEM `file` of its key")
	fs.IntVar(&c.Kafka.Replicas, "kafka-replicas", c.Kafka.Replicas, "`copies` of each topic; 0: 3, or as many brokers as there are")
	fs.DurationVar(&c.Kafka.SessionTimeout, "kafka-session-timeout", c.Kafka.SessionTimeout, "`time` of silence after which a worker's partitions go to others")
	fs.DurationVar(&c.Kafka.TransactionTimeout, "kafka-transaction-timeout", c.Kafka.TransactionTimeout, "`time` after which the open transaction of a lost worker is aborted; signals behind it wait that long")

	fs.Var(&c.NATS.URL, "nats-url", "`URL` of your NATS server; empty: one in this process (only with -target=all)")
	fs.StringVar(&c.NATS.Creds, "nats-creds", c.NATS.Creds, "credentials `file` for it")
	fs.StringVar(&c.NATS.Embedded.Listen, "nats-listen", c.NATS.Embedded.Listen, "`address` of the embedded NATS server, for apps and tools")
	fs.StringVar((*string)(&c.NATS.Embedded.Sync), "nats-sync", string(c.NATS.Embedded.Sync), "default: survives kill -9; always: survives power loss too, and is slower")
	fs.IntVar(&c.NATS.Topology.Partitions, "partitions", c.NATS.Topology.Partitions, "`number` of partitions, fixed when the installation is created; 0: what it has, else 32")
	fs.IntVar(&c.NATS.Topology.Replicas, "replicas", c.NATS.Topology.Replicas, "`copies` of every stream: 1, or 3 on a cluster")

	fs.StringVar(&c.Gateway.Listen, gateway.ListenFlag, c.Gateway.Listen, "`address` of the gateway")
	fs.StringVar(&c.GatewayKeys, "gateway-keys", c.GatewayKeys, "`file` of API keys; empty: keys.json in the data folder, made at the first start")
	fs.Int64Var(&c.Gateway.MaxBody, "gateway-max-body", c.Gateway.MaxBody, "largest request, `bytes`")
	fs.Float64Var(&c.Gateway.EventsPerSecond, "gateway-events-per-second", c.Gateway.EventsPerSecond, "`events` one API key may publish each second")
	fs.IntVar(&c.Gateway.Burst, "gateway-burst", c.Gateway.Burst, "`events` one API key may publish at once")
	fs.DurationVar(&c.Gateway.MaxFuture, "gateway-max-future", c.Gateway.MaxFuture, "how far an event's `time` may lie ahead of this clock")

	fs.StringVar(&c.Policy, "policy", c.Policy, "policy `file` (YAML or JSON), or a folder with one per tenant; empty: the built-in one")
	fs.StringVar(&c.Baseline, "baseline", c.Baseline, "`file` of how common things are among everyone, JSON; empty: the built-in one")
	fs.IntVar(&c.Scorer.Turns, "scorer-turns", c.Scorer.Turns, "`most` partitions that commit at once; more where appends take long and cores are many")
	fs.DurationVar(&c.Scorer.Hold, "scorer-hold", c.Scorer.Hold, "`time` that a journal record which raises nothing waits for more events; signals never wait; 0: what suits the broker (10ms on NATS, 50ms on Kafka), below 0: not at all")
	fs.IntVar(&c.Scorer.BatchEvents, "scorer-batch-events", c.Scorer.BatchEvents, "`most` events of one journal record")
	fs.DurationVar(&c.Scorer.LeaseTTL, "scorer-lease-ttl", c.Scorer.LeaseTTL, "`time` of silence after which a worker's partitions are taken over")
	fs.DurationVar(&c.Scorer.CheckpointEvery, "scorer-checkpoint-every", c.Scorer.CheckpointEvery, "`time` that changed profiles wait at most before they are written to pages")
	fs.DurationVar(&c.Scorer.Retention, "scorer-retention", c.Scorer.Retention, "`time` without any event after which a user's profile is forgotten")
	fs.DurationVar(&c.Scorer.JournalKeep, "scorer-journal-keep", c.Scorer.JournalKeep, "`time` that journal records stay once their profiles are in pages; 0: for ever. The sink must not lag more")
	fs.StringVar(&c.Sink.Name, "sink-name", c.Sink.Name, "`name` of this sink, one per shard; never change it for a database")
	fs.IntVar(&c.Sink.MaxRows, "sink-max-rows", c.Sink.MaxRows, "journal `entries` that make a batch full; 0: 50000, fewer with less than 4 GiB of memory")
	fs.DurationVar(&c.Sink.MaxWait, "sink-max-wait", c.Sink.MaxWait, "`time` that the first record of a batch waits for others")
	fs.StringVar(&c.Console.Listen, console.ListenFlag, c.Console.Listen, "`address` of the console")
	fs.Var((*list)(&c.Console.Hosts), "console-hosts", "`names` the console may be called by besides the loopback ones (comma list)")

	c.bindSignIn(fs)

	fs.Var(&c.ClickHouse.DSN, "clickhouse-dsn", "`DSN` of your ClickHouse (clickhouse:// or http://); empty: the embedded engine (only with -target=all)")
	fs.StringVar(&c.ClickHouse.Engine.Listen, "clickhouse-listen", c.ClickHouse.Engine.Listen, "`address` of the embedded engine's HTTP interface")
	fs.StringVar(&c.ClickHouse.Engine.Library, "libchdb", c.ClickHouse.Engine.Library, "`file` of the embedded engine; empty: engine/libchdb.so in the data folder")
	fs.StringVar(&c.ClickHouse.Migrate.Cluster, "clickhouse-cluster", c.ClickHouse.Migrate.Cluster, "`name` of the cluster to create the tables on; empty: one server")
	fs.Var(days(c.ClickHouse.Migrate.Retention), "clickhouse-retention", "days that rows are kept, `table=days` (comma list); 0: for ever")
	fs.Var(tenantDays(c.ClickHouse.Migrate.Tenants), "clickhouse-tenant-retention", "days that a tenant's rows are kept where that is less, `table/tenant=days` (comma list)")
	fs.BoolVar(&c.ClickHouse.Migrate.Sharded, "clickhouse-sharded", c.ClickHouse.Migrate.Sharded, "spread the tables over the cluster's shards")

	fs.StringVar(&c.Geo.City, "geo-city", c.Geo.City, "GeoIP2 or GeoLite2 City `file`; empty: that in the data folder, if there")
	fs.StringVar(&c.Geo.ASN, "geo-asn", c.Geo.ASN, "ASN `file` (mmdb); empty: that in the data folder, if there")
}

// usageOf lists the settings with their variables.
func usageOf(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "riskd runs the roles of riskd; without settings, all of them in one process.\n\n"+
		"Each setting is a flag, a variable (RISKD_ and the name in capitals) and a key of the -config file;\n"+
		"a flag wins over a variable, a variable over the file.\n\n")
	fs.SetOutput(w)
	fs.PrintDefaults()
}
