package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console"
	"github.com/riskd-io/riskd/services/gateway"
	"github.com/riskd-io/riskd/services/scorer"
	"github.com/riskd-io/riskd/services/signaler"
	"github.com/riskd-io/riskd/services/sink"
)

// Config is all of riskd's settings: the process's own, and one section for each part.
type Config struct {
	// Targets are the roles to run, in start order. Default: all of them.
	Targets []string
	// Data is the folder of everything this process keeps: broker, database, keys, engine, geo
	// data. Default .riskd in the working folder.
	Data string
	Log  service.LogConfig
	// Admin is the endpoint of health and metrics.
	Admin service.AdminConfig
	// PyroscopeURL, when set, gets continuous profiles.
	PyroscopeURL string

	// BrokerURL is what -broker says: nats, kafka or kafka://...; Broker is the kind alone. Default nats.
	BrokerURL service.Secret
	Broker    string
	// Flags is nats for flags and signals on NATS with events on Kafka.
	Flags string
	Kafka kafka.Config
	// KafkaPassword is for SASL.
	KafkaPassword service.Secret

	NATS       NATSConfig
	ClickHouse ClickHouseConfig
	// Geo names the files of geography and networks. Empty: those in the data folder, when there.
	Geo enrich.Config

	Gateway gateway.Config
	// GatewayKeys is the file of API keys. Default: keys.json in the data folder, made at the first
	// start.
	GatewayKeys string
	Scorer      scorer.Config
	// Policy is a policy file (package rules) or a folder with one per tenant, Baseline a JSON file. Empty: those built in.
	Policy, Baseline string
	Signaler         signaler.Config
	Sink             sink.Config
	Console          console.Config
	// SignIn is who may use the console. Users empty: console.users.json in the data folder, made at the first start.
	SignIn signin.Config
	// ConsoleKey is the file that cookies of the console are sealed with. Empty: console.key in the data folder.
	ConsoleKey string

	flags *flag.FlagSet // as parsed, for -print-config
}

// NATSConfig says which broker: yours when URL is set, else one in this process.
type NATSConfig struct {
	// URL of your server or cluster (comma list), with user and password or token if it needs them.
	URL service.Secret
	// Creds is a NATS credentials file, for servers with decentralised accounts.
	Creds string
	// Embedded is the server in this process.
	Embedded natsjs.EmbeddedConfig
	// Topology is what riskd creates on either.
	Topology natsjs.Topology
}

// ClickHouseConfig says which database: yours when DSN is set, else the engine beside this process.
type ClickHouseConfig struct {
	// DSN of your server: clickhouse://user:password@host:9000/risk or http(s)://...:8123/risk.
	DSN service.Secret
	// Engine is the one beside this process. Its files lie in the data folder.
	Engine engine.Config
	// Migrate is the layout and the retention of the tables.
	Migrate migrate.Config
}

// DefaultConfig runs everything on loopback.
func DefaultConfig() Config {
	return Config{
		Targets: roles, Data: ".riskd",
		Log: service.DefaultLogConfig(), Admin: service.DefaultAdminConfig(),
		BrokerURL:  onNATS,
		Kafka:      kafka.DefaultConfig(),
		NATS:       NATSConfig{Embedded: natsjs.DefaultEmbeddedConfig(), Topology: natsjs.DefaultTopology()},
		ClickHouse: ClickHouseConfig{Engine: embeddedEngine(), Migrate: migrate.DefaultConfig()},
		Geo:        enrich.DefaultConfig(),
		Gateway:    gateway.DefaultConfig(),
		Scorer:     scorer.DefaultConfig(),
		Signaler:   signaler.DefaultConfig(),
		Sink:       sinkBySize(),
		Console:    console.DefaultConfig(),
		SignIn:     signin.DefaultConfig(),
	}
}

// sinkBySize is the sink whose batches are as large as the memory allows.
func sinkBySize() sink.Config {
	c := sink.DefaultConfig()
	c.MaxRows = 0
	return c
}

// embeddedEngine is the engine with the files that depend on the data folder still open.
func embeddedEngine() engine.Config {
	c := engine.DefaultConfig("")
	c.Library, c.Path, c.PasswordFile = "", "", ""
	return c
}

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

// settle fills what depends on other settings.
func (c *Config) settle() {
	c.NATS.Embedded.Dir = c.path("nats")
	if c.GatewayKeys == "" {
		c.GatewayKeys = c.path("keys.json")
	}
	child := &c.ClickHouse.Engine
	child.Path, child.PasswordFile = c.path("clickhouse"), c.path("clickhouse.password")
	if child.Library == "" {
		child.Library = c.path("engine", "libchdb.so")
	}
	for _, geo := range []struct {
		file *string
		name string
	}{{&c.Geo.City, "GeoLite2-City.mmdb"}, {&c.Geo.ASN, "asn.mmdb"}} {
		if *geo.file == "" && exists(c.path("geo", geo.name)) {
			*geo.file = c.path("geo", geo.name)
		}
	}
}

// path is a file or folder in the data folder.
func (c *Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Data}, parts...)...)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// embedded says whether this process may have a broker and a database of its own. Only one that
// runs every role may: two with a broker each would quietly be two systems.
func (c *Config) embedded() bool {
	return len(c.Targets) == len(roles)
}

// runs says whether this process has the part.
func (c *Config) runs(part string) bool {
	order, err := needs.Order(c.Targets...)
	if err != nil {
		return false
	}
	for _, name := range order {
		if name == part {
			return true
		}
	}
	return false
}

// Validate joins all faults, each with the name of its flag.
func (c *Config) Validate() error {
	var faults []error
	if !c.embedded() {
		if c.NATS.URL == "" && !c.onKafka() {
			faults = append(faults, errors.New("-nats-url (or RISKD_NATS_URL) is needed: the embedded NATS server is only for -target=all"))
		}
		if c.ClickHouse.DSN == "" && c.runs(Database) {
			faults = append(faults, errors.New("-clickhouse-dsn (or RISKD_CLICKHOUSE_DSN) is needed: the embedded ClickHouse engine is only for -target=all"))
		}
	}
	if _, err := service.NewLogger(io.Discard, c.Log); err != nil {
		faults = append(faults, err)
	}
	if c.flagsOnNATS() && c.NATS.URL == "" {
		faults = append(faults, errors.New("-nats-url (or RISKD_NATS_URL) is needed for -flags=nats: with events on Kafka there is no embedded NATS server"))
	}
	if c.NATS.URL == "" && !c.onKafka() {
		faults = append(faults, c.NATS.Embedded.Validate())
	}
	if c.ClickHouse.DSN == "" && c.embedded() {
		if err := c.ClickHouse.Engine.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("clickhouse-listen and its kin: %w", err))
		}
		if library := c.ClickHouse.Engine.Library; !exists(library) {
			faults = append(faults, fmt.Errorf("the ClickHouse engine %s is not there: run `make setup`, name it with -libchdb, or point -clickhouse-dsn at a ClickHouse server", library))
		}
	}
	if c.runs(Scorer) {
		_, _, err := c.policies()
		faults = append(faults, err)
	}
	if c.ClickHouse.DSN != "" {
		_, err := parseDSN(c.ClickHouse.DSN)
		faults = append(faults, err)
	}
	for role, validate := range map[string]func() error{Gateway: c.Gateway.Validate, Scorer: c.Scorer.Validate, Signaler: c.Signaler.Validate, Console: c.Console.Validate} {
		if c.runs(role) {
			faults = append(faults, validate())
		}
	}
	if c.runs(Console) {
		faults = append(faults, c.SignIn.Validate())
	}
	faults = append(faults, c.NATS.Topology.Validate(), c.ClickHouse.Migrate.Validate())
	return errors.Join(faults...)
}

// usageOf lists the settings with their variables.
func usageOf(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "riskd runs the roles of riskd; without settings, all of them in one process.\n\n"+
		"Each setting is a flag, a variable (RISKD_ and the name in capitals) and a key of the -config file;\n"+
		"a flag wins over a variable, a variable over the file.\n\n")
	fs.SetOutput(w)
	fs.PrintDefaults()
}
