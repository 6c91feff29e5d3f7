package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/riskd-io/riskd/pkg/clickhouse/access"
)

func init() { commands = append(commands, analystCommand) }

var analystCommand = &command{
	name: "analyst", short: "a ClickHouse user who may only read, within limits, for Grafana and SQL of one's own",
	long: `
Prints the statements that make the user on a ClickHouse server: a role that may read riskd's database, a settings profile
that bounds what a query and an answer may cost, and a quota by the hour. -apply runs them. They may run again, to change
something. With -tenant the user sees these tenants' rows and no others. The password is read from a file, and only its hash
is in the statements.

The embedded engine has such a user already: analyst, with the password in clickhouse.analyst.password in the data folder.

  riskctl analyst -password-file grafana.password
  riskctl analyst -password-file acme.password -user acme -tenant acme -apply -clickhouse-dsn clickhouse://admin:...@host:9000/risk`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var d databaseFlags
		d.bind(fs)
		cfg := access.DefaultConfig()
		fs.StringVar(&cfg.User, "user", cfg.User, "`name` of the user")
		fs.StringVar(&cfg.Database, "database", cfg.Database, "`name` of riskd's database")
		fs.StringVar(&cfg.Cluster, "cluster", "", "`name` of the cluster to make the user on")
		fs.BoolVar(&cfg.Local, "sharded", false, "rows lie on shards")
		file := fs.String("password-file", "", "`file` with the user's password")
		tenants := fs.String("tenant", "", "`tenants` they may see (comma list); empty: all")
		fs.Uint64Var(&cfg.MaxRows, "max-rows", cfg.MaxRows, "`rows` an answer may have")
		fs.DurationVar(&cfg.MaxTime, "max-time", cfg.MaxTime, "`time` a query may take")
		fs.Uint64Var(&cfg.MaxMemory, "max-memory", cfg.MaxMemory, "`bytes` of memory a query may take")
		fs.Uint64Var(&cfg.Queries, "queries-per-hour", cfg.Queries, "`queries` in an hour")
		fs.Uint64Var(&cfg.Rows, "read-rows-per-hour", cfg.Rows, "`rows` that may be read in an hour")
		apply := fs.Bool("apply", false, "run the statements instead of printing them")
		return func(ctx context.Context, std streams, _ []string) error {
			if *file == "" {
				return usageError("-password-file: needed")
			}
			password, err := os.ReadFile(*file)
			if err != nil {
				return err
			}
			cfg.Password = strings.TrimSpace(string(password))
			if *tenants != "" {
				cfg.Tenants = strings.Split(*tenants, ",")
			}
			statements, err := cfg.Statements()
			if err != nil {
				return &exit{exitUsage, err}
			}
			if !*apply {
				for _, s := range statements {
					fmt.Fprintln(std.out, s+";")
				}
				return nil
			}
			conn, err := d.open()
			if err != nil {
				return err
			}
			defer conn.Close()
			for i, s := range statements {
				if err := conn.Exec(ctx, s); err != nil {
					return fmt.Errorf("statement %d of %d: %w", i+1, len(statements), err)
				}
			}
			fmt.Fprintf(std.out, "%s may read %s; %d statements run\n", cfg.User, cfg.Database, len(statements))
			return nil
		}
	},
}
