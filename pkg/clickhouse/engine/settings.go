package engine

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// rights are what statements may do. Everything that reaches beyond the engine's own tables
// is left out: files, URLs, other databases, dictionaries (their sources run commands), users, shutdown.
var rights = []string{
	"GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE TEMPORARY TABLE, CREATE FUNCTION," +
		" DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK, BACKUP, KILL QUERY, dictGet," +
		" SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM MOVES, SYSTEM FLUSH, SYSTEM DROP CACHE, SYSTEM VIEWS, SYSTEM CLEANUP, SYSTEM WAIT LOADING PARTS ON *.*",
}

// tableEngines are the engines that keep their data in the engine's own directory.
var tableEngines = []string{
	"MergeTree", "ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree",
	"VersionedCollapsingMergeTree", "CoalescingMergeTree", "GraphiteMergeTree", "Memory", "Null", "Set", "Join", "Log", "TinyLog", "StripeLog",
	"Buffer", "Merge", "GenerateRandom", "Alias",
}

// profile are settings that differ from the engine's defaults, which are made for a shell.
var profile = []struct{ name, value, why string }{
	{"implicit_select", "0", "1+1 is an error on a server"},
	{"allow_introspection_functions", "0", "they show the process's memory addresses"},
	{"async_insert", "0", "an insert that waits for others to come is slower here, with few clients"},
}

// analyst are the settings of the user who may only read, each with the most that may be asked for; without one it cannot be changed.
var analyst = []struct {
	name, value, most string
}{
	{"max_result_rows", "1000000", "1000000"},
	{"result_overflow_mode", "throw", ""},
	{"max_execution_time", "60", "60"},
	{"timeout_overflow_mode", "throw", ""},
	{"max_memory_usage", "2147483648", "2147483648"},
	{"readonly", "2", ""}, // the last: nothing changes after it but settings, and those within these limits
}

// analystSettings are the values for a SET: a profile that is set brings the engine its limits, and not its values.
func analystSettings() string {
	var out []string
	for _, one := range analyst {
		out = append(out, one.name+" = '"+one.value+"'")
	}
	return strings.Join(out, ", ")
}

// engineArguments writes the engine's configuration files and returns what to connect with.
// Without an explicit file the engine would pick up whatever config.xml lies in its working
// directory, the user's home or /etc.
func engineArguments(path string, memoryRatio float64, memory uint64) ([]string, error) {
	dir := filepath.Join(path, "riskd")
	backups := filepath.Join(path, "backups")
	for _, one := range []string{dir, backups} {
		if err := os.MkdirAll(one, 0o700); err != nil {
			return nil, fmt.Errorf("creating the engine's directory: %w", err)
		}
	}
	users := filepath.Join(dir, "users.xml")
	config := filepath.Join(dir, "config.xml")
	main := fmt.Sprintf(`<clickhouse>
  <!-- Written at every start. -->
  <logger><level>fatal</level></logger>
  <display_name>riskd embedded</display_name>
  <users_config>%s</users_config>
  <max_server_memory_usage>%d</max_server_memory_usage>
  <max_server_memory_usage_to_ram_ratio>%g</max_server_memory_usage_to_ram_ratio>
  <mark_cache_size>268435456</mark_cache_size>
  <backups><allowed_path>%s</allowed_path></backups>
</clickhouse>
`, escape(users), uint64(float64(memory)*memoryRatio), memoryRatio, escape(backups))
	if err := os.WriteFile(config, []byte(main), 0o600); err != nil {
		return nil, fmt.Errorf("writing the engine's configuration: %w", err)
	}
	if err := os.WriteFile(users, []byte(usersXML()), 0o600); err != nil {
		return nil, fmt.Errorf("writing the engine's configuration: %w", err)
	}
	return []string{"--path=" + path, "--config-file=" + config}, nil
}

func usersXML() string {
	var out strings.Builder
	out.WriteString("<clickhouse>\n  <!-- Written at every start. -->\n  <profiles><default>\n")
	for _, one := range profile {
		fmt.Fprintf(&out, "    <%s>%s</%s><!-- %s -->\n", one.name, one.value, one.name, one.why)
	}
	out.WriteString("  </default>\n  <" + Analyst + ">\n")
	limits := ""
	for _, one := range analyst {
		fmt.Fprintf(&out, "    <%s>%s</%s>\n", one.name, one.value, one.name)
		switch {
		case one.most != "": // none is no limit, so it is not allowed either
			limits += fmt.Sprintf("      <%s><min>1</min><max>%s</max></%s>\n", one.name, one.most, one.name)
		case one.name != "readonly": // that one cannot be changed where it holds
			limits += fmt.Sprintf("      <%s><readonly/></%s>\n", one.name, one.name)
		}
	}
	out.WriteString("    <constraints>\n" + limits + "    </constraints>\n  </" + Analyst + "></profiles>\n  <quotas><default></default></quotas>\n  <users><default>\n" +
		"    <password></password><!-- the bridge in front of the engine asks for the password -->\n" +
		"    <networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>\n    <grants>\n")
	grants := rights
	for _, engine := range tableEngines {
		grants = append(grants[:len(grants):len(grants)], "GRANT TABLE ENGINE ON "+engine)
	}
	for _, grant := range grants {
		fmt.Fprintf(&out, "      <query>%s</query>\n", grant)
	}
	out.WriteString("    </grants>\n  </default></users>\n</clickhouse>\n")
	return out.String()
}

func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}
