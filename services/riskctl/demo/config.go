package demo

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/riskd-io/riskd/pkg/service"
)

// Config of a demo.
type Config struct {
	// Data is riskd's data folder: geo data and engine are read there, and each run keeps its record
	// in a folder of its own under demo/.
	Data string
	// City and ASN are the geo files.
	City, ASN string
	// Riskd and DemoApp are the programs. Default: those beside this one.
	Riskd, DemoApp string
	// Seconds of traffic; 0: until the context ends.
	Seconds int
	// Users in the population. Default 2,000.
	Users int
	// Seed of the world.
	Seed uint64
	// Rate is how many events per second the history is sent with, at most. Default 8,000.
	Rate int
	// Listen addresses by flag name, handed on to the processes.
	Listen map[string]string
	// Kafka is empty for NATS inside riskd; kafka starts Apache Kafka with KafkaScript, kafka://host:port names a cluster of yours.
	Kafka, KafkaScript string
	// Plain turns the live view off.
	Plain bool

	ownKafka bool // the demo starts it
}

// Ports are the flags of the addresses with their defaults.
var Ports = []struct{ Flag, Address, What string }{
	{"gateway-listen", "127.0.0.1:8480", "HTTP gateway"},
	{"console-listen", "127.0.0.1:8481", "console"},
	{"admin-listen", "127.0.0.1:8482", "health and metrics"},
	{"nats-listen", "127.0.0.1:4222", "NATS"},
	{kafkaListen, "127.0.0.1:9092", "Kafka"},
	{"clickhouse-listen", "127.0.0.1:8123", "ClickHouse"},
	{"demoapp-listen", "127.0.0.1:8490", "demo app"},
}

// DefaultConfig runs until stopped.
func DefaultConfig() Config {
	c := Config{Data: ".riskd", Users: 2000, Seed: 1, Rate: 8000, Listen: map[string]string{}, KafkaScript: filepath.Join("scripts", "kafka", "kafka.sh")}
	for _, p := range Ports {
		c.Listen[p.Flag] = p.Address
	}
	return c
}

// Validate reports every fault.
func (c Config) Validate() error {
	var errs []error
	if c.Seconds < 0 || c.Seconds > 0 && c.Seconds < 10 {
		errs = append(errs, fmt.Errorf("-seconds: %d is too short to show anything; give at least 10, or 0 for no end", c.Seconds))
	}
	if c.Users < 10 || c.Users > 200_000 {
		errs = append(errs, fmt.Errorf("-users: %d is not within 10..200000", c.Users))
	}
	if c.Rate < 100 {
		errs = append(errs, fmt.Errorf("-rate: %d is below 100", c.Rate))
	}
	return errors.Join(errs...)
}

// preflight finds what is missing before anything is started.
func (c *Config) preflight() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	for _, p := range []struct {
		path *string
		name string
	}{{&c.Riskd, "riskd"}, {&c.DemoApp, "demoapp"}} {
		if *p.path == "" {
			*p.path = filepath.Join(filepath.Dir(self), p.name)
		}
		if _, err := os.Stat(*p.path); err != nil {
			return fmt.Errorf("the program %s is not there: `make build` makes it: %w", p.name, err)
		}
	}
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	for _, f := range []string{
		cmp.Or(c.City, filepath.Join(c.Data, "geo", "GeoLite2-City.mmdb")), cmp.Or(c.ASN, filepath.Join(c.Data, "geo", "asn.mmdb")), filepath.Join(c.Data, "engine", "libchdb.so"),
	} {
		if _, err := os.Stat(f); err != nil {
			return fmt.Errorf("%s is not there: `make setup` fetches engine and geo data", f)
		}
	}
	for _, p := range Ports {
		if p.Flag == "nats-listen" && c.Kafka != "" || p.Flag == kafkaListen && !c.ownKafka {
			continue
		}
		l, err := service.Listen(c.Listen[p.Flag], p.Flag)
		if err != nil {
			return fmt.Errorf("%s: %w", p.What, err)
		}
		_ = l.Close()
	}
	return nil
}
