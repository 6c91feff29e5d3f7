// Package access renders the statements that give a ClickHouse server a user for analysts: one who may only read riskd's
// database, perhaps only some tenants of it, and whose queries cannot cost more than a bound. The embedded engine has such a
// user of its own (engine.Analyst), without these.
//
// Everything is safe for concurrent use.
package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Tenanted are the tables whose rows are of one tenant. Who may see some tenants sees these, and of these those rows.
var Tenanted = []string{
	"active_day", "activity_5m", "asn_day", "blocked", "console_audit", "dead_letters", "decided_5m", "decided_day", "decided_hour", "enforcement", "event_hours",
	"events", "features", "feedback", "new_places", "notices", "part_hour", "policy_changes", "profiles", "rule_hour", "sessions", "signals", "user_day", "user_hours",
}

// Config is whom to make.
type Config struct {
	// User is the name. Default analyst. Role, settings profile and quota are named riskd_ and the name.
	User string
	// Password is what they sign in with; only its hash is in the statements.
	Password string
	// Database they may read. Default risk.
	Database string
	// Cluster to make them on; empty: one server.
	Cluster string
	// Local is whether rows lie in <table>_local, on shards (clickhouse-sharded).
	Local bool
	// Tenants they may see. Empty: all, and the tables that are of no tenant (ledger, the sink's books) too.
	Tenants []string
	// MaxRows an answer may have, and MaxTime and MaxMemory (bytes) a query may take; a query may ask for less, not for
	// more. Default 1 million, 60 s and 4 GB.
	MaxRows   uint64
	MaxTime   time.Duration
	MaxMemory uint64
	// Queries and Rows that may be asked and read in an hour. Default 10,000 and 100 billion.
	Queries, Rows uint64
}

// DefaultConfig is a user without a password.
func DefaultConfig() Config {
	return Config{User: "analyst", Database: "risk", MaxRows: 1_000_000, MaxTime: time.Minute, MaxMemory: 4_000_000_000, Queries: 10_000, Rows: 100_000_000_000}
}

var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// minPassword is how short a password may be.
const minPassword = 12

// Validate reports every fault, each with its key.
func (c Config) Validate() error {
	var errs []error
	for key, v := range map[string]string{"user": c.User, "database": c.Database} {
		if !name.MatchString(v) {
			errs = append(errs, fmt.Errorf("access.%s: %q, must be letters, digits and _", key, v))
		}
	}
	if len(c.Password) < minPassword {
		errs = append(errs, fmt.Errorf("access.password: must be at least %d characters", minPassword))
	}
	if c.MaxRows == 0 || c.MaxTime < time.Second || c.MaxMemory == 0 || c.Queries == 0 || c.Rows == 0 {
		errs = append(errs, errors.New("access: limits must be positive, the time at least a second"))
	}
	return errors.Join(errs...)
}

// Statements make the user, or bring one who is there to this configuration: each may run again. They go to a server whose
// user may manage access. They hold no password.
func (c Config) Statements() ([]string, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	on := ""
	if c.Cluster != "" {
		on = " ON CLUSTER " + literal(c.Cluster)
	}
	of := "`riskd_" + c.User + "`"
	hash := sha256.Sum256([]byte(c.Password))
	// readonly = 2: nothing may be changed but settings, and those only below their bounds. Clients set some themselves.
	out := []string{
		fmt.Sprintf("CREATE SETTINGS PROFILE OR REPLACE %s%s SETTINGS readonly = 2 CONST, max_result_rows = %[3]d MIN 1 MAX %[3]d, result_overflow_mode = 'throw' CONST, "+
			"max_execution_time = %[4]d MIN 1 MAX %[4]d, timeout_overflow_mode = 'throw' CONST, max_memory_usage = %[5]d MIN 1 MAX %[5]d, max_concurrent_queries_for_user = 10 CONST",
			of, on, c.MaxRows, int(c.MaxTime.Seconds()), c.MaxMemory),
		"CREATE ROLE IF NOT EXISTS " + of + on,
		fmt.Sprintf("REVOKE%s ALL ON *.* FROM %s", on, of),
	}
	if len(c.Tenants) == 0 {
		out = append(out, fmt.Sprintf("GRANT%s SELECT ON `%s`.* TO %s", on, c.Database, of))
	}
	user := "`" + c.User + "`"
	created := []string{
		fmt.Sprintf("CREATE USER OR REPLACE %s%s IDENTIFIED WITH sha256_hash BY '%s' DEFAULT ROLE %s SETTINGS PROFILE 'riskd_%s'", user, on, hex.EncodeToString(hash[:]), of, c.User),
		fmt.Sprintf("GRANT%s %s TO %s", on, of, user),
		fmt.Sprintf("CREATE QUOTA OR REPLACE %s%s FOR INTERVAL 1 hour MAX queries = %d, read_rows = %d TO %s", of, on, c.Queries, c.Rows, user),
	}
	if len(c.Tenants) == 0 {
		return append(out, created...), nil
	}
	// The policy before the right: nobody sees another tenant's rows in between.
	out = append(out, created...)
	tenants := make([]string, len(c.Tenants))
	for i, t := range slices.Sorted(slices.Values(c.Tenants)) {
		tenants[i] = literal(t)
	}
	for _, table := range Tenanted {
		names := []string{table}
		if c.Local && table != "profiles" {
			names = append(names, table+"_local")
		}
		for _, n := range names {
			if table != "profiles" { // a view: its rows are those of events
				// Where a table has any policy, a server may show nothing to those who have none: the first is for all.
				out = append(out, fmt.Sprintf("CREATE ROW POLICY IF NOT EXISTS `riskd_all`%s ON `%s`.`%s` FOR SELECT USING 1 TO ALL", on, c.Database, n),
					fmt.Sprintf("CREATE ROW POLICY OR REPLACE %s%s ON `%s`.`%s` FOR SELECT USING tenant IN (%s) AS RESTRICTIVE TO %s", of, on, c.Database, n, strings.Join(tenants, ", "), user))
			}
			out = append(out, fmt.Sprintf("GRANT%s SELECT ON `%s`.`%s` TO %s", on, c.Database, n, of))
		}
	}
	return out, nil
}

// literal is s as a SQL string.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
