// Command riskd runs the roles of riskd: all of them in one process with a broker and a database of
// its own (the default), or some of them against yours. modules.go is the map of what there is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
	"github.com/riskd-io/riskd/pkg/service"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "engine" { // the child that package engine starts
		if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
			os.Exit(1) // the parent has been told why
		}
		return
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: 0 after an ordinary stop, 1 after a failure, 2 when the settings are wrong.
func run(args []string, stdout, stderr io.Writer) int {
	cfg, mode, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "riskd:", err)
		fmt.Fprintln(stderr, "riskd -help lists all settings")
		return 2
	case mode == showVersion:
		fmt.Fprintln(stdout, "riskd", service.ReadBuild())
		return 0
	case mode == printConfig:
		if err := service.PrintSettings(stdout, cfg.flags, modeFlags...); err != nil {
			fmt.Fprintln(stderr, "riskd:", err)
			return 1
		}
		return 0
	case mode == verifyConfig:
		fmt.Fprintln(stdout, "riskd: settings are valid; this process would run", cfg.Targets)
		return 0
	}

	log, err := service.NewLogger(stderr, cfg.Log)
	if err != nil {
		fmt.Fprintln(stderr, "riskd:", err)
		return 2
	}
	slog.SetDefault(log) // what connections and readers say of themselves comes in the same form
	for _, name := range service.UnknownEnv(cfg.flags, os.Environ(), otherEnv...) {
		log.Warn("environment variable is not a setting and has no effect", "name", name)
	}
	ctx, release := service.UntilSignal(context.Background(), log, os.Exit)
	defer release()
	service.KeepHeapRoom(cfg.besideHeap())
	if err := newApp(cfg, log, stdout).run(ctx); err != nil {
		if cfg.Log.Format == "json" {
			log.Error("stopped", "error", err)
		} else {
			fmt.Fprintln(stderr, "riskd:", err)
		}
		return 1
	}
	return 0
}
