package migrate

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// kept finds the retention in a table's definition, as the server writes it.
var kept = regexp.MustCompile(`TTL toDateTime\((\w+)\) \+ toIntervalDay\((\d+)\)`)

// columns are what retention is counted from where a table's definition does not say it any more,
// because it was kept for ever.
var columns = map[string]string{
	"activity_5m": "t", "part_hour": "t", "user_day": "day", "decided_hour": "t", "decided_5m": "t", "sink_batches": "cut_at", "console_audit": "at",
	"new_places": "hour", "rule_hour": "t", "event_hours": "hour", "user_hours": "hour", "decided_day": "day", "active_day": "day",
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
		want, have, column := m.cfg.days(name), 0, columns[name]
		if column == "" {
			column = "decided_at"
		}
		if f := kept.FindStringSubmatch(definition); f != nil {
			column = f[1]
			if have, err = strconv.Atoi(f[2]); err != nil {
				return changed, fmt.Errorf("migrating: reading the retention of %s: %w", table, err)
			}
		}
		if want == have {
			continue
		}
		statement := "ALTER TABLE " + quote(table) + d.OnCluster + " MODIFY TTL " + ttl(column, want)
		if want == 0 {
			statement = "ALTER TABLE " + quote(table) + d.OnCluster + " REMOVE TTL"
		}
		if err := m.exec(ctx, statement); err != nil {
			return changed, fmt.Errorf("migrating: changing the retention of %s from %d to %d days: %w", table, have, want, err)
		}
		m.log.Info("retention changed", "table", table, "from_days", have, "to_days", want)
		changed = append(changed, table)
	}
	return changed, nil
}
