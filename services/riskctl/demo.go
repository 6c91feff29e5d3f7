package main

import (
	"context"
	"errors"
	"flag"
)

var demoCommand = &command{
	name: "demo", short: "run everything with a simulated population, and watch",
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		return func(ctx context.Context, std streams, _ []string) error { return errors.New("not yet") }
	},
}
