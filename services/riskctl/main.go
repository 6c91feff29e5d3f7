// Command riskctl is riskd's tool for people and scripts: it scores events offline, sends them,
// watches flags, tells stories out of the record, simulates populations and runs the demo.
//
// It is not a part of the running system: it talks to one over NATS, HTTP and ClickHouse, and
// needs none for score and simulate.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "engine" { // the child of bench-clickhouse
		os.Exit(engineChild())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes; tests bring their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// commands in the order in which help shows them.
var commands = []*command{
	scoreCommand, sendCommand, watchCommand,
	sessionCommand, userCommand, explainCommand, queryCommand,
	policyCommand, consoleCommand, backtestCommand, simulateCommand, benchCommand, baselineCommand, bridgeCommand, demoCommand, verifyChainCommand, rebuildCommand, acceptLossCommand, versionCommand,
}
