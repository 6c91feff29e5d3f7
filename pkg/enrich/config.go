package enrich

import (
	"errors"
	"log/slog"
	"time"
)

// Config of an [Enricher].
type Config struct {
	// City is the path of a City database: GeoLite2, GeoIP2, DB-IP or a flat ip-location-db file.
	// Several files may be named, separated like PATH: the first that knows an address answers
	// (ip-location-db ships IPv4 and IPv6 apart). Empty: places are unknown.
	City string
	// ASN is the path of an ASN database in GeoLite2's record shape; several as above. Empty:
	// networks are unknown.
	ASN string
	// ReloadEvery is how often Run looks whether the files have changed. Default 30 s.
	ReloadEvery time.Duration
	// AgentCache is how many user agents are remembered parsed. Default 8192.
	AgentCache int
	// RecordCache is how many geo records are remembered decoded, for each file. Default 32768.
	RecordCache int
	// CrowdKeys bounds how many addresses and devices each partition counts at a time; the longest unseen leave
	// first. They hold four users each on average, and 64 at most. Default 8192: about 1 MiB for each partition.
	CrowdKeys int
	// Log receives what happens to the files. Default: nothing is logged.
	Log *slog.Logger
}

// DefaultConfig has no databases.
func DefaultConfig() Config {
	return Config{ReloadEvery: 30 * time.Second, AgentCache: 8192, RecordCache: 32768, CrowdKeys: 8192}
}

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.ReloadEvery <= 0 {
		errs = append(errs, errors.New("enrich: ReloadEvery must be positive"))
	}
	if c.AgentCache < 1 || c.RecordCache < 1 || c.CrowdKeys < 1 {
		errs = append(errs, errors.New("enrich: AgentCache, RecordCache and CrowdKeys must be at least 1"))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.ReloadEvery == 0 {
		c.ReloadEvery = d.ReloadEvery
	}
	if c.AgentCache == 0 {
		c.AgentCache = d.AgentCache
	}
	if c.RecordCache == 0 {
		c.RecordCache = d.RecordCache
	}
	if c.CrowdKeys == 0 {
		c.CrowdKeys = d.CrowdKeys
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
