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
