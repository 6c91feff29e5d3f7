package migrate

import (
	"context"
	"fmt"
)

// recordsDDL is the one table that no file makes. Its key holds the checksum, so that two programs
// with different files of one number leave two rows and are found out.
const recordsDDL = `CREATE TABLE IF NOT EXISTS schema_migrations%s
(
    version    UInt32                 COMMENT 'Number of the schema file',
    name       String                 COMMENT 'Its name',
    checksum   String                 COMMENT 'SHA-256 of its text before rendering, hex',
    layout     LowCardinality(String) COMMENT 'single, replicated or sharded',
    applied_at DateTime64(3, 'UTC')   COMMENT 'When it was applied',
    applied_by String                 COMMENT 'By which process (host:pid)',
    took_ms    UInt32                 COMMENT 'How long that took, milliseconds'
)
ENGINE = %s
ORDER BY (version, checksum)
COMMENT 'Schema files applied to this database'`

// EditedError says that a file was changed after it had been applied. Files are never edited; a
// change is a new file with the next number.
type EditedError struct {
	Version  int
	Name     string
	Recorded string // checksum in the database, hex SHA-256
	Now      string // checksum of the file in this program
}

func (e *EditedError) Error() string {
	return fmt.Sprintf("schema file %s was changed after it was applied (recorded sha256 %.12s, now %.12s): "+
		"applied files are never edited; add a file with the next number", e.Name, e.Recorded, e.Now)
}

// LayoutError says that the database was made for another layout than the configured one.
type LayoutError struct{ Recorded, Configured string }

func (e *LayoutError) Error() string {
	return fmt.Sprintf("the database holds the schema for layout %q, the configuration says %q: "+
		"tables are not converted; use another database or the recorded layout", e.Recorded, e.Configured)
}

type record struct{ checksum, layout string }

func (m *migrator) recorded(ctx context.Context) (map[int][]record, error) {
	rows, err := m.conn.Query(ctx, "SELECT DISTINCT version, checksum, layout FROM schema_migrations")
	if err != nil {
		return nil, fmt.Errorf("migrating: reading schema_migrations: %w", err)
	}
	defer rows.Close()
	done := map[int][]record{}
	for rows.Next() {
		var v uint32
		var r record
		if err := rows.Scan(&v, &r.checksum, &r.layout); err != nil {
			return nil, fmt.Errorf("migrating: reading schema_migrations: %w", err)
		}
		done[int(v)] = append(done[int(v)], r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("migrating: reading schema_migrations: %w", err)
	}
	return done, nil
}

func (m *migrator) check(f file, done []record) error {
	for _, r := range done {
		if r.checksum != f.checksum {
			return &EditedError{Version: f.version, Name: f.name, Recorded: r.checksum, Now: f.checksum}
		}
		if layout := m.cfg.Layout(); r.layout != layout {
			return &LayoutError{Recorded: r.layout, Configured: layout}
		}
	}
	return nil
}
