package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/service"
)

// withEngine is a data folder in which the engine seems to be.
func withEngine(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "engine"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "engine", "libchdb.so"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

// alone takes the settings of whoever runs the tests out of the environment.
func alone(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, service.EnvPrefix+"_") {
			t.Setenv(name, "") // puts it back at the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEveryPartOfTheMapIsOpened(t *testing.T) {
	a := newApp(new(Config), nil, io.Discard)
	if got, want := service.Graph(needs).Names(), slices.Sorted(func(yield func(string) bool) {
		for name := range a.parts() {
			if !yield(name) {
				return
			}
		}
	}); !slices.Equal(got, want) {
		t.Errorf("parts in the map %v; parts that open %v", got, want)
	}
	targets, err := parseTargets(All)
	if err != nil {
		t.Fatal(err)
	}
	order, err := needs.Order(append([]string{Admin}, targets...)...)
	if err != nil || len(order) != len(needs) {
		t.Errorf("all runs %v (%v); want every part of the map", order, err)
	}
	at := func(part string) int { return slices.Index(order, part) }
	if order[0] != Admin || at(Gateway) < at(Scorer) || at(Gateway) > at(Database) {
		t.Errorf("start order %v; want the admin endpoint first, and the gateway after the scorer and before the database", order)
	}
}

func TestRolesWithoutServersOfYoursAreRefused(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		name string
		args []string
		want []string // parts of the error; none: accepted
	}{
		{"all brings its own", []string{"-target=all"}, nil},
		{"a scorer needs a broker", []string{"-target=scorer"}, []string{"-nats-url", "RISKD_NATS_URL"}},
		{"a scorer needs no database", []string{"-target=scorer", "-nats-url=nats://h:4222"}, nil},
		{"a sink needs both", []string{"-target=sink"}, []string{"-nats-url", "-clickhouse-dsn"}},
		{"a list is no all", []string{"-target=gateway,scorer"}, []string{"-nats-url"}},
		{"a list of all roles is all", []string{"-target=gateway,scorer,sink, signaler,console"}, nil},
		{"a role that is none", []string{"-target=skorer"}, []string{`unknown role "skorer"`, "scorer, signaler"}},
		{"a database address that is none", []string{"-clickhouse-dsn=my-password"}, []string{"-clickhouse-dsn is not a ClickHouse address"}},
		{"a table's days", []string{"-clickhouse-retention=events=30, features=0"}, nil},
		{"days of a table that is none", []string{"-clickhouse-retention=evnts=30"}, []string{"clickhouse.retention.evnts"}},
		{"a tenant's days", []string{"-clickhouse-tenant-retention=events/acme=30,signals/acme=90"}, nil},
		{"a tenant's days of a table without tenants", []string{"-clickhouse-tenant-retention=ledger/acme=30"}, []string{"clickhouse.tenants.ledger"}},
		{"a tenant's days that are none", []string{"-clickhouse-tenant-retention=events=30"}, []string{`"events=30" is not table/tenant=days`}},
		{"days that are none", []string{"-clickhouse-retention=events"}, []string{`"events" is not table=days`}},
		{"an odd number of copies", []string{"-replicas=2"}, []string{"replicas"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parse(append(c.args, "-data", withEngine(t)), io.Discard)
			if len(c.want) == 0 && err != nil {
				t.Fatalf("parse(%v) = %v; want it accepted", c.args, err)
			}
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("parse(%v) = %v; want an error with %q", c.args, err, want)
				}
			}
			if err != nil && strings.Contains(err.Error(), "my-password") {
				t.Errorf("the error shows the DSN: %v", err)
			}
		})
	}
}

func TestAMissingEngineSaysWhatToDo(t *testing.T) {
	alone(t)
	_, _, err := parse([]string{"-data", t.TempDir()}, io.Discard)
	for _, want := range []string{"libchdb.so", "make setup", "-clickhouse-dsn"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse without an engine = %v; want an error with %q", err, want)
		}
	}
}

func TestPoliciesAreReadBeforeTheStart(t *testing.T) {
	alone(t)
	data := withEngine(t)
	files, err := filepath.Glob("../../deploy/policies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("policies to start from: %v, %v", files, err)
	}
	for _, file := range files {
		if _, _, err := parse([]string{"-data", data, "-policy", file}, io.Discard); err != nil {
			t.Errorf("%s is refused: %v", file, err)
		}
	}
	broken := filepath.Join(data, "broken.yaml")
	if err := os.WriteFile(broken, []byte("name: x\nthreshhold: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{broken, filepath.Join(data, "missing.yaml")} {
		if _, _, err := parse([]string{"-data", data, "-policy", file}, io.Discard); err == nil || !strings.Contains(err.Error(), "-policy") {
			t.Errorf("parse with policy %s = %v; want an error with the flag", file, err)
		}
	}
}

func TestGeoFilesOfTheDataFolderAreTaken(t *testing.T) {
	alone(t)
	data := withEngine(t)
	if err := os.Mkdir(filepath.Join(data, "geo"), 0o700); err != nil {
		t.Fatal(err)
	}
	city := filepath.Join(data, "geo", "GeoLite2-City.mmdb")
	if err := os.WriteFile(city, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := parse([]string{"-data", data}, io.Discard)
	if err != nil || cfg.Geo.City != city || cfg.Geo.ASN != "" {
		t.Errorf("geo = %+v, %v; want the city file and no ASN file", cfg.Geo, err)
	}
}

func TestModes(t *testing.T) {
	alone(t)
	data := withEngine(t)
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"the version", []string{"-version"}, 0, "riskd ", ""},
		{"a check of good settings", []string{"-verify-config", "-data", data}, 0, "settings are valid", ""},
		{"a check of bad settings", []string{"-verify-config", "-target=sink"}, 2, "", "-clickhouse-dsn"},
		{"the settings in force", []string{"-print-config", "-nats-url=nats://u:hunter2@h"}, 0, "gateway-listen: 127.0.0.1:8480", ""},
		{"help", []string{"-help"}, 0, "", "-target roles"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(c.args, &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("run(%v) = %d\nstdout: %s\nstderr: %s", c.args, code, &stdout, &stderr)
			}
			if strings.Contains(stdout.String()+stderr.String(), "hunter2") {
				t.Error("a secret was printed")
			}
		})
	}
}
