package story_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What Grafana is provisioned with fits together: dashboards ask the data source by its uid, the folder of the dashboards is
// where the manual mounts it, and every variable of the environment is set by the manual's command.
func TestGrafanaIsProvisionedWithWhatItsDashboardsAsk(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile("../../deploy/grafana/" + path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	source, boards, manual := read("provisioning/datasources/riskd.yaml"), read("provisioning/dashboards/riskd.yaml"), read("README.md")
	for _, want := range []string{"uid: riskd\n", "type: grafana-clickhouse-datasource\n", "defaultDatabase: risk\n", "protocol: http\n"} {
		if !strings.Contains(source, want) {
			t.Errorf("the data source does not say %q", want)
		}
	}
	variables := regexp.MustCompile(`\$(RISKD_\w+)`).FindAllStringSubmatch(source, -1)
	if len(variables) < 4 {
		t.Fatalf("the data source takes %d values from the environment", len(variables))
	}
	for _, v := range variables {
		if !strings.Contains(manual, "-e "+v[1]+"=") {
			t.Errorf("the manual's command does not set %s", v[1])
		}
	}
	path := regexp.MustCompile(`(?m)^\s+path: (\S+)$`).FindStringSubmatch(boards)
	if path == nil || !strings.Contains(manual, "deploy/grafana/dashboards:"+path[1]+":ro") {
		t.Errorf("dashboards are looked for in %v, and the manual mounts them elsewhere", path)
	}
	if !strings.Contains(manual, "deploy/grafana/provisioning:/etc/grafana/provisioning:ro") {
		t.Error("the manual does not mount the provisioning")
	}
}
