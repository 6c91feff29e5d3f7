package migrate

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// kept finds the retention in a table's definition, as the server writes it.
var kept = regexp.MustCompile(`TTL (toDateTime\((\w+)\) \+ toIntervalDay\(\d+\).*?) SETTINGS `)

// wanted is a table's retention in the server's words: first its own, then those of tenants.
func (c Config) wanted(table, column string) string {
	var all []string
	if days := c.days(table); days > 0 {
		all = append(all, fmt.Sprintf("toDateTime(%s) + toIntervalDay(%d)", column, days))
	}
	for _, tenant := range slices.Sorted(maps.Keys(c.Tenants[table])) {
		all = append(all, fmt.Sprintf("toDateTime(%s) + toIntervalDay(%d) WHERE tenant = %s", column, c.Tenants[table][tenant], literal(tenant)))
	}
	return strings.Join(all, ", ")
}

// columns are what retention is counted from where a table's definition does not say it any more,
// because it was kept for ever.
var columns = map[string]string{
	"activity_5m": "t", "part_hour": "t", "user_day": "day", "decided_hour": "t", "decided_5m": "t", "sink_batches": "cut_at", "console_audit": "at",
	"new_places": "hour", "rule_hour": "t", "event_hours": "hour", "user_hours": "hour", "decided_day": "day", "active_day": "day", "asn_day": "day",
}

// retain changes the retention of tables that were made with another one. It returns their names.
func (m *migrator) retain(ctx context.Context) ([]string, error) {
	var changed []string
	d := m.cfg.data()
	for _, name := range slices.Sorted(maps.Keys(DefaultConfig().Retention)) {
		table := name + d.Local
		var definition string
		err := m.conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = ?", table).Scan(&definition)
		if err != nil {
			return changed, fmt.Errorf("migrating: reading the retention of %s: %w", table, err)
		}
		have, column := "", columns[name]
		if column == "" {
			column = "decided_at"
		}
		if f := kept.FindStringSubmatch(definition); f != nil {
			have, column = f[1], f[2]
		}
		want := m.cfg.wanted(name, column)
		if want == have {
			continue
		}
		alter := "ALTER TABLE " + quote(table) + d.OnCluster
		statements := []string{alter + " MODIFY TTL " + want}
		if want == "" {
			statements = []string{alter + " REMOVE TTL"}
		}
		// A part that holds other tenants' rows too is not dropped, but rewritten.
		if whole := len(m.cfg.Tenants[name]) == 0; whole != strings.Contains(definition, "ttl_only_drop_parts = 1") && name != "sessions" {
			statements = append(statements, fmt.Sprintf("%s MODIFY SETTING ttl_only_drop_parts = %t", alter, whole))
		}
		for _, statement := range statements {
			if err := m.exec(ctx, statement); err != nil {
				return changed, fmt.Errorf("migrating: changing the retention of %s from %q to %q: %w", table, have, want, err)
			}
		}
		m.log.Info("retention changed", "table", table, "from", have, "to", want)
		changed = append(changed, table)
	}
	return changed, nil
}
