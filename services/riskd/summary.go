package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/service"
)

// address is a line of the summary: what, where, and what one needs to know to use it.
type address struct{ what, where, hint string }

// settleTime is how long the summary waits for parts that start up in the background.
const settleTime = 5 * time.Second

// settled waits, but not for long, until every part is ready, and lists those that are not.
func (a *app) settled(ctx context.Context) (waiting []string) {
	deadline := time.NewTimer(settleTime)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		waiting = nil
		for _, check := range a.process.Checks() {
			if check.Err != nil {
				waiting = append(waiting, check.Part+": "+check.Err.Error())
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return waiting
		case <-ctx.Done():
			return waiting
		}
	}
}

// summary says where everything is, once it is there. It shows no secret, only the file that
// keeps it. With JSON logs it is a log record, for there is no reader at a terminal.
func (a *app) summary(ctx context.Context) {
	waiting := a.settled(ctx)
	if ctx.Err() != nil {
		return
	}
	build, lines := service.ReadBuild(), a.addresses()
	if a.cfg.Log.Format == "json" {
		attrs := []any{"version", build.Version, "targets", a.cfg.Targets}
		for _, l := range lines {
			attrs = append(attrs, strings.ToLower(l.what), l.where)
		}
		a.log.Info("up", append(attrs, "waiting_for", waiting)...)
		return
	}
	fmt.Fprintf(a.out, "\nriskd %s is up: %s\n\n", build.Version, strings.Join(a.cfg.Targets, ", "))
	table := tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", l.what, l.where, l.hint)
	}
	_ = table.Flush()
	if a.enricher != nil {
		a.geography()
	}
	for _, w := range waiting {
		fmt.Fprintf(a.out, "\n  not ready yet, tried again in the background: %s\n", w)
	}
	fmt.Fprint(a.out, "\nctrl-c stops it.\n\n")
}

// geography says which data places are looked up in, how old it is and whose.
func (a *app) geography() {
	sources := a.enricher.Sources()
	if len(sources) == 0 {
		fmt.Fprint(a.out, "\n  No geo data: places and networks are unknown. `make setup` fetches some.\n")
		return
	}
	fmt.Fprintln(a.out)
	for _, s := range sources {
		fmt.Fprintf(a.out, "  %s, %d days old. %s\n", s.Type, int(time.Since(s.Built).Hours()/24), s.Attribution)
	}
}

func (a *app) addresses() []address {
	var lines []address
	add := func(what, where, hint string) { lines = append(lines, address{what, where, strings.TrimSpace(hint)}) }
	if a.cfg.runs(Gateway) {
		hint := "POST /v1/events"
		if file := a.cfg.path("gateway.key"); exists(file) {
			hint += "   key in " + near(file)
		}
		add("Gateway", "http://"+a.gateway, hint)
	}
	if a.cfg.runs(Console) {
		hint := a.cfg.Console.Hint
		if a.cfg.SignIn.OIDC.Issuer != "" {
			hint = "sign in with " + a.cfg.SignIn.OIDC.Name
		}
		add("Console", "http://"+a.console, hint)
	}
	add("Health", "http://"+a.admin.Addr(), "/readyz?verbose, /metrics")
	if a.cfg.onKafka() {
		add("Kafka", strings.Join(a.cfg.Kafka.Brokers, ","), fmt.Sprintf("yours, %d partitions", a.topology.Partitions))
	}
	switch {
	case a.cfg.onKafka() && !a.cfg.flagsOnNATS():
	case a.server != nil:
		add("NATS", a.server.URL(), fmt.Sprintf("%d partitions", a.topology.Partitions))
	default:
		add("NATS", service.RedactURL(a.cfg.NATS.URL.Reveal()), fmt.Sprintf("yours, %d partitions", a.topology.Partitions))
	}
	switch {
	case !a.cfg.runs(Database):
	case a.engine != nil:
		add("ClickHouse", engineAddress(a.engine), fmt.Sprintf("user %s, password in %s", engine.User, near(a.cfg.ClickHouse.Engine.PasswordFile)))
	default:
		add("ClickHouse", service.RedactURL(a.cfg.ClickHouse.DSN.Reveal()), "yours")
	}
	add("Data", near(a.cfg.Data), "")
	return lines
}

// engineAddress is where the engine listens, without user and password.
func engineAddress(e *engine.Engine) string {
	u, err := url.Parse(e.DSN())
	if err != nil {
		return ""
	}
	return "http://" + u.Host
}

// near is a path as seen from the working folder, when that is shorter.
func near(path string) string {
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}
