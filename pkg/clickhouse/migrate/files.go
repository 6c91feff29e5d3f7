package migrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

type file struct {
	version  int
	name     string
	text     string
	checksum string
}

var fileName = regexp.MustCompile(`^(\d{3})_[a-z0-9_]+\.sql$`)

// load reads the numbered files of source in order. Numbers are unique; gaps are left where changes that were made side
// by side took a range of numbers each.
func load(source fs.FS) ([]file, error) {
	entries, err := fs.ReadDir(source, ".")
	if err != nil {
		return nil, fmt.Errorf("reading schema files: %w", err)
	}
	var files []file
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			if strings.HasSuffix(e.Name(), ".sql") {
				return nil, fmt.Errorf("schema file %s: the name must be NNN_name.sql", e.Name())
			}
			continue
		}
		text, err := fs.ReadFile(source, e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading schema file %s: %w", e.Name(), err)
		}
		version, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, fmt.Errorf("schema file %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(text)
		files = append(files, file{version: version, name: e.Name(), text: string(text), checksum: hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(files, func(a, b file) int { return a.version - b.version })
	for i, f := range files {
		if i > 0 && files[i-1].version == f.version {
			return nil, fmt.Errorf("schema files %s and %s have the same number", files[i-1].name, f.name)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no schema files")
	}
	return files, nil
}

// data is what the files may refer to; schemas/clickhouse describes it.
type data struct {
	Local     string
	OnCluster string
	Dedup     string
	cfg       Config
}

func (c Config) data() data {
	d := data{cfg: c}
	if c.Cluster != "" {
		d.OnCluster = " ON CLUSTER " + literal(c.Cluster)
	}
	if c.Sharded {
		d.Local = "_local"
	}
	if c.Cluster != "" {
		d.Dedup = "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
	} else {
		d.Dedup = "non_replicated_deduplication_window = 10000"
	}
	// A position that outlives the rows it vouches for would lose them, so power loss counts too.
	d.Dedup += ", fsync_after_insert = 1, fsync_part_directory = 1"
	if c.Granularity > 0 {
		d.Dedup += fmt.Sprintf(", index_granularity = %d", c.Granularity)
	}
	return d
}

// Engine is a MergeTree engine with its parameters, or its Replicated form.
func (d data) Engine(name string, params ...string) (string, error) {
	if !strings.HasSuffix(name, "MergeTree") {
		return "", fmt.Errorf("engine %s is not of the MergeTree family", name)
	}
	if d.cfg.Cluster != "" {
		name = "Replicated" + name
		params = append([]string{"'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"}, params...)
	}
	if len(params) == 0 {
		return name, nil
	}
	return name + "(" + strings.Join(params, ", ") + ")", nil
}

// TTL is the retention clause of a table, or nothing.
func (d data) TTL(table, column string) (string, error) {
	if _, ok := DefaultConfig().Retention[table]; !ok {
		return "", fmt.Errorf("table %s has no default retention", table)
	}
	days := d.cfg.days(table)
	if days == 0 {
		return "", nil
	}
	return "TTL " + ttl(column, days), nil
}

func ttl(column string, days int) string {
	return fmt.Sprintf("toDateTime(%s) + INTERVAL %d DAY DELETE", column, days)
}

// Distributed is the table over all shards, or nothing where there is one shard.
func (d data) Distributed(table, key string) string {
	if !d.cfg.Sharded {
		return ""
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s%s ENGINE = Distributed(%s, currentDatabase(), %s%s, %s);",
		table, d.OnCluster, table, d.Local, literal(d.cfg.Cluster), table, d.Local, key)
}

// render is the file's statements for one layout.
func (f file) render(d data) ([]string, error) {
	t, err := template.New(f.name).Option("missingkey=error").Parse(f.text)
	if err != nil {
		return nil, fmt.Errorf("schema file %s: %w", f.name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d); err != nil {
		return nil, fmt.Errorf("schema file %s: %w", f.name, err)
	}
	statements, err := split(b.String())
	if err != nil {
		return nil, fmt.Errorf("schema file %s: %w", f.name, err)
	}
	for _, s := range statements {
		if !repeatable.MatchString(s) {
			return nil, fmt.Errorf("schema file %s: not harmless when it runs twice: %.60s", f.name, s)
		}
	}
	return statements, nil
}

// repeatable are the statements a file may hold. Rows may be copied (INSERT ... SELECT) only to where the same row
// once more is the same: to least and greatest values, or under a key that replaces.
var repeatable = regexp.MustCompile(`(?is)^(CREATE (TABLE|VIEW|MATERIALIZED VIEW|DICTIONARY|FUNCTION) IF NOT EXISTS |` +
	`CREATE OR REPLACE (VIEW|DICTIONARY|FUNCTION) |` +
	`ALTER TABLE \S+(\s+ON CLUSTER \S+)? (ADD (COLUMN|INDEX|PROJECTION) IF NOT EXISTS|(DROP|COMMENT) (COLUMN|INDEX) IF EXISTS|MODIFY (COLUMN|COMMENT|SETTING|QUERY)) |` +
	`INSERT INTO \w+ (\([\w, ]+\)\s+)?SELECT )`)

// split cuts a file into statements at semicolons outside of quotes and comments. Comments before a
// statement are left out, those inside are kept.
func split(text string) ([]string, error) {
	var out []string
	start, i := 0, 0
	for i < len(text) {
		switch c := text[i]; {
		case c == '\'' || c == '"' || c == '`':
			end := closing(text, i)
			if end < 0 {
				return nil, fmt.Errorf("a quote that opens at byte %d does not close", i)
			}
			i = end
		case strings.HasPrefix(text[i:], "--"):
			n := strings.IndexByte(text[i:], '\n')
			if n < 0 {
				n = len(text) - i
			}
			if strings.TrimSpace(text[start:i]) == "" {
				start = i + n
			}
			i += n
		case strings.HasPrefix(text[i:], "/*"):
			n := strings.Index(text[i:], "*/")
			if n < 0 {
				return nil, fmt.Errorf("a comment that opens at byte %d does not close", i)
			}
			i += n + 2
		case c == ';':
			if s := strings.TrimSpace(text[start:i]); s != "" {
				out = append(out, s)
			}
			i++
			start = i
		default:
			i++
		}
	}
	if s := strings.TrimSpace(text[min(start, len(text)):]); s != "" {
		out = append(out, s)
	}
	return out, nil
}

// closing is the position behind the quoted text that starts at i, or -1.
func closing(text string, i int) int {
	q := text[i]
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case q:
			if j+1 < len(text) && text[j+1] == q {
				j++
				continue
			}
			return j + 1
		}
	}
	return -1
}

// literal is s as a SQL string.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// quote is s as a SQL name.
func quote(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}
