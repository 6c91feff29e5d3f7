package access_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/access"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/clickhouse/migrate"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

const password = "a long one, 'quoted'"

// The engine makes no users, but it knows the language: what a server would be told has to be valid.
func TestTheStatementsAreValidAndHoldNoPassword(t *testing.T) {
	opt := enginetest.Options(t)
	if _, err := migrate.Up(t.Context(), opt, migrate.DefaultConfig(), enginetest.Quiet()); err != nil {
		t.Fatal(err)
	}
	conn := enginetest.Open(t, opt)
	cfg := access.DefaultConfig()
	cfg.Password = password
	some, cluster := cfg, cfg
	some.Tenants = []string{"acme", "it's", `back\slash`}
	cluster.Cluster, cluster.Tenants, cluster.Local = "{cluster}", some.Tenants, true
	for name, c := range map[string]access.Config{"all": cfg, "some tenants": some, "on shards": cluster} {
		statements, err := c.Statements()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			rows, err := conn.Query(t.Context(), "EXPLAIN AST "+s)
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, s)
				continue
			}
			rows.Close()
			if strings.Contains(s, "a long one") || c.Cluster != "" && !strings.Contains(s, "ON CLUSTER '{cluster}'") {
				t.Errorf("%s: a password, or not on the cluster: %s", name, s)
			}
		}
		if all := strings.Join(statements, "\n"); strings.Contains(all, "`risk`.*") == (len(c.Tenants) > 0) {
			t.Errorf("%s: everything is granted, or not: %s", name, all)
		}
	}
	// Who sees one tenant sees each table with a tenant, through a policy, and no other.
	rows, err := conn.Query(t.Context(), "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'tenant' AND table NOT LIKE '%_mv' ORDER BY table")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tenanted []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		tenanted = append(tenanted, table)
	}
	if !slices.Equal(tenanted, access.Tenanted) {
		t.Errorf("tables with a tenant are\n%q, access.Tenanted says\n%q", tenanted, access.Tenanted)
	}
	statements, err := some.Statements()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tenanted {
		policy := slices.IndexFunc(statements, func(s string) bool {
			return strings.Contains(s, "ON `risk`.`"+table+"` FOR SELECT USING tenant IN ('acme', 'back\\\\slash', 'it\\'s') AS RESTRICTIVE TO `analyst`")
		})
		grant := slices.Index(statements, fmt.Sprintf("GRANT SELECT ON `risk`.`%s` TO `riskd_analyst`", table))
		if grant < 0 || table != "profiles" && (policy < 0 || policy > grant) {
			t.Errorf("%s: policy %d, grant %d; want the policy, then the grant", table, policy, grant)
		}
	}
}

func TestConfigNamesItsFaults(t *testing.T) {
	err := access.Config{User: "a b", Database: "x;y", Password: "short"}.Validate()
	for _, want := range []string{"access.user", "access.database", "access.password", "limits"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}
