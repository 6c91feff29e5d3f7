package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/story"
)

// databaseFlags say where the record is.
type databaseFlags struct {
	data string
	dsn  service.Secret
}

func (d *databaseFlags) bind(fs *flag.FlagSet) {
	bindData(fs, &d.data)
	d.dsnOnly(fs)
}

// dsnOnly is for commands that bind the data folder with something else.
func (d *databaseFlags) dsnOnly(fs *flag.FlagSet) {
	fs.Var(&d.dsn, "clickhouse-dsn", "`DSN` of ClickHouse; empty: the engine on 127.0.0.1:8123, with the password in the data folder")
}

// embeddedDSN is the database of a riskd with its own engine.
func embeddedDSN(address, password string) string {
	return "http://riskd:" + password + "@" + address + "/risk"
}

func (d *databaseFlags) open() (driver.Conn, error) {
	dsn := d.dsn.Reveal()
	if dsn == "" {
		password, err := os.ReadFile(filepath.Join(d.data, "clickhouse.password"))
		if errors.Is(err, os.ErrNotExist) {
			return nil, usageError("no -clickhouse-dsn, and %s has no clickhouse.password: name the data folder of the riskd that runs, or a DSN", d.data)
		}
		if err != nil {
			return nil, err
		}
		dsn = embeddedDSN("127.0.0.1:8123", strings.TrimSpace(string(password)))
	}
	return openDSN(dsn)
}

func openDSN(dsn string) (driver.Conn, error) {
	opts, err := clickhouse.ParseDSN(dsn)
	if err != nil {
		return nil, usageError("-clickhouse-dsn: %w", errors.New(strings.ReplaceAll(err.Error(), dsn, service.RedactURL(dsn))))
	}
	conn, err := clickhouse.Open(opts)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", service.RedactURL(dsn), err)
	}
	return conn, nil
}

// reader opens the record for questions; close it after.
func (d *databaseFlags) reader(ctx context.Context) (*story.Reader, func(), error) {
	conn, err := d.open()
	if err != nil {
		return nil, nil, err
	}
	if err := conn.Ping(ctx); err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("reaching ClickHouse: %w; is riskd running? (-clickhouse-dsn, RISKD_CLICKHOUSE_DSN)", err)
	}
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return r, func() { _ = conn.Close() }, nil
}

// tenantOf finds which tenant knows the thing, when none was named.
func tenantOf(ctx context.Context, r *story.Reader, tenant string, has func(tenant string) error) (string, error) {
	if tenant != "" {
		return tenant, has(tenant)
	}
	tenants, err := r.Tenants(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range tenants {
		if err := has(t); !errors.Is(err, story.ErrNotFound) {
			return t, err
		}
	}
	return "", fmt.Errorf("%w in any of %d tenants; what was reported just now is there after two seconds", story.ErrNotFound, len(tenants))
}
