// Command demoapp is Northwind Payroll, a small web application protected by riskd. It shows what an
// application has to do: log people in, keep sessions, run the second factor, and leave the question
// of when to ask for it to riskd.
//
// Its people, passwords and second factors are made up and printed at the start. It is not for
// real payrolls.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/riskd-io/riskd/services/demoapp/payroll"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "demoapp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg := payroll.DefaultConfig()
	fs := flag.NewFlagSet("demoapp", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&cfg.Listen, "listen", cfg.Listen, "`address` to serve on")
	fs.StringVar(&cfg.NATSURL, "nats-url", env("RISKD_NATS_URL", cfg.NATSURL), "riskd's broker (RISKD_NATS_URL)")
	fs.StringVar(&cfg.Broker, "broker", env("RISKD_BROKER", ""), "riskd's Kafka in place of NATS: kafka://host:port[,host:port...][?prefix=...] (RISKD_BROKER)")
	fs.StringVar(&cfg.Origin, "origin", "", "`URL` under which browsers see the app; passkeys belong to it (default http://localhost and the port)")
	fs.StringVar(&cfg.Tenant, "tenant", cfg.Tenant, "riskd tenant")
	fs.BoolVar(&cfg.TrustForwarded, "trust-forwarded", false, "take the client's address from the last X-Forwarded-For entry: only behind a proxy that sets it, and for the demo")
	quiet := fs.Bool("quiet", false, "do not print the demo people and their secrets")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	app, err := payroll.New(cfg, log)
	if err != nil {
		return err
	}
	if !*quiet {
		app.PrintPeople(stdout)
	}
	return app.Run(ctx)
}

func env(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
