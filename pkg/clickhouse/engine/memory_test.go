package engine_test

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

// The engine would go by what it sees of the machine, where a control group may allow less.
func TestTheEngineStaysWithinItsShareOfTheMemory(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Memory, cfg.MemoryRatio = 2<<30, 0.5
	e, _ := start(t, cfg, engine.Deps{})
	if _, got, _ := raw(t, e, "POST", "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"); got != "1073741824\n" {
		t.Errorf("the engine may take %q bytes, want half of 2 GiB", got)
	}
	const all = "SELECT length(groupArray(number)) FROM numbers(100000000) SETTINGS max_memory_usage = 0, max_bytes_ratio_before_external_group_by = 0"
	if _, got, header := raw(t, e, "POST", all); header.Get("X-ClickHouse-Exception-Code") != "241" || !strings.Contains(got, "(total) memory limit exceeded") {
		t.Errorf("a query for 0.8 GiB and the room to grow them: %q", got)
	}
	if _, got, _ := raw(t, e, "POST", "SELECT 1"); got != "1\n" {
		t.Errorf("afterwards: %q", got)
	}
}
