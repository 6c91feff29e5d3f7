package migrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// The layouts, as recorded in schema_migrations.
const (
	Single     = "single"
	Replicated = "replicated"
	Sharded    = "sharded"
)

// Config chooses the layout and the retention.
type Config struct {
	// Cluster is the cluster to create everything on, as in system.clusters; macros such as
	// "{cluster}" work. Default "": one server (or the embedded engine), plain tables.
	Cluster string
	// Sharded puts rows in <table>_local on each shard and makes <table> the view over all shards.
	// It needs Cluster. Default false: every replica of the one shard holds everything.
	Sharded bool
	// Retention is how many days rows are kept, by table, counted from when riskd decided them
	// (aggregates: from their event time). 0 keeps them for ever. Changes take effect at the next Up.
	// Tables that are missing here keep what DefaultConfig says.
	Retention map[string]int
	// Tenants is how many days rows of a tenant are kept, by table and tenant, where that is less than the table's own. It
	// costs merges: parts are rewritten without those rows, where a table's own retention drops whole parts. The tables
	// must have a tenant.
	Tenants map[string]map[string]int
	// Granularity is how many rows a mark of new tables stands for. Default 0: the server's own, 8192. A test that looks at
	// what is read makes it small, so that few rows are many granules.
	Granularity int
}

// maxRetention bounds Retention in days; DateTime arithmetic ends in 2106.
const maxRetention = 50 * 366

// DefaultConfig is one server, raw events for 90 days, decisions for 400, proof for two years.
func DefaultConfig() Config {
	return Config{Tenants: map[string]map[string]int{}, Retention: map[string]int{
		"events":        90,
		"features":      400,
		"signals":       730,
		"enforcement":   730,
		"ledger":        730,
		"dead_letters":  30,
		"sink_batches":  90,
		"activity_5m":   730,
		"part_hour":     730,
		"user_day":      400,
		"decided_hour":  400,
		"decided_5m":    400,
		"console_audit": 730,
		"sessions":      400,
		"new_places":    400,
		"blocked":       400,
		"rule_hour":     730,
		"event_hours":   400,
		"user_hours":    400,
		"decided_day":   400,
		"feedback":      730,
		"notices":       730,
		"active_day":    730,
		"asn_day":       400,
	}}
}

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	if c.Sharded && c.Cluster == "" {
		errs = append(errs, errors.New("clickhouse.sharded: needs clickhouse.cluster"))
	}
	known := DefaultConfig().Retention
	for _, t := range slices.Sorted(maps.Keys(c.Retention)) {
		if _, ok := known[t]; !ok {
			errs = append(errs, fmt.Errorf("clickhouse.retention.%s: no such table", t))
		}
		if d := c.Retention[t]; d < 0 || d > maxRetention {
			errs = append(errs, fmt.Errorf("clickhouse.retention.%s: %d days, must be 0 (for ever) to %d", t, d, maxRetention))
		}
	}
	for _, t := range slices.Sorted(maps.Keys(c.Tenants)) {
		if _, ok := known[t]; !ok || untenanted[t] {
			errs = append(errs, fmt.Errorf("clickhouse.tenants.%s: no such table with tenants", t))
		}
		for _, tenant := range slices.Sorted(maps.Keys(c.Tenants[t])) {
			if d := c.Tenants[t][tenant]; d < 1 || d > maxRetention || tenant == "" || c.days(t) > 0 && d > c.days(t) {
				errs = append(errs, fmt.Errorf("clickhouse.tenants.%s.%s: %d days, must be 1 to the table's own", t, tenant, d))
			}
		}
	}
	return errors.Join(errs...)
}

// untenanted are the tables with retention whose rows are of no tenant.
var untenanted = map[string]bool{"ledger": true, "sink_batches": true}

// Layout is Single, Replicated or Sharded.
func (c Config) Layout() string {
	switch {
	case c.Sharded:
		return Sharded
	case c.Cluster != "":
		return Replicated
	default:
		return Single
	}
}

// Table is the name rows of a table are inserted under: its own, or <table>_local where sharded, so
// that deduplication tokens keep their meaning.
func (c Config) Table(name string) string { return name + c.data().Local }

func (c Config) days(table string) int {
	if d, ok := c.Retention[table]; ok {
		return d
	}
	return DefaultConfig().Retention[table]
}
