package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v4"

	"github.com/riskd-io/riskd/pkg/service"
)

// Exit codes. They are part of what scripts may rely on.
const (
	exitOK    = 0
	exitError = 1 // it was tried and did not work
	exitUsage = 2 // the command line is wrong; nothing was done
	exitInput = 3 // -strict: stopped at an input line that is no event
)

// command is one of riskctl's verbs.
type command struct {
	name string
	// args shows what follows the flags, "" when nothing may.
	args string
	// short is one line for the list, long the rest of the help.
	short, long string
	// bind declares the flags and returns what to do with them.
	bind func(fs *flag.FlagSet) func(ctx context.Context, io streams, args []string) error
}

// exit carries a code with an error.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

// usageError is a mistake on the command line.
func usageError(format string, a ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, a...)}
}

// run finds the command, parses its flags and environment, and returns the exit code.
func run(ctx context.Context, args []string, io streams) int {
	if len(args) == 0 {
		overview(io.err)
		return exitUsage
	}
	name := args[0]
	switch name {
	case "-h", "-help", "--help", "help":
		if len(args) > 1 {
			if c := find(args[1]); c != nil {
				c.help(io.out)
				return exitOK
			}
		}
		overview(io.out)
		return exitOK
	case "-version", "--version":
		name = "version"
	}
	c := find(name)
	if c == nil {
		fmt.Fprintf(io.err, "riskctl: there is no command %q%s\n\nriskctl help lists them.\n", name, suggestion(name))
		return exitUsage
	}
	fs := flag.NewFlagSet("riskctl "+c.name, flag.ContinueOnError)
	fs.SetOutput(discard{})
	do := c.bind(fs)
	set := ff.NewFlagSetFrom(fs.Name(), fs)
	err := ff.Parse(set, args[1:], ff.WithEnvVarPrefix(service.EnvPrefix))
	rest := set.GetArgs()
	if err == nil && !slices.Contains(args, "--") {
		rest, err = interleaved(fs, rest)
	}
	switch {
	case errors.Is(err, ff.ErrHelp), errors.Is(err, flag.ErrHelp):
		c.help(io.out)
		return exitOK
	case err != nil:
		err = &exit{exitUsage, err}
	case c.args == "" && len(rest) > 0:
		err = usageError("unexpected argument %q", rest[0])
	default:
		err = do(ctx, io, rest)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(io.err, "riskctl %s: %v\n", c.name, err)
	var e *exit
	if !errors.As(err, &e) {
		return exitError
	}
	if e.code == exitUsage {
		fmt.Fprintf(io.err, "riskctl %s -h shows how it is used.\n", c.name)
	}
	return e.code
}

// interleaved reads flags that stand among arguments, and returns the arguments.
func interleaved(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for len(args) > 0 {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if args = fs.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func find(name string) *command {
	i := slices.IndexFunc(commands, func(c *command) bool { return c.name == name })
	if i < 0 {
		return nil
	}
	return commands[i]
}

// suggestion is the command that begins like the one given.
func suggestion(name string) string {
	for _, c := range commands {
		if len(name) > 1 && (strings.HasPrefix(c.name, name[:2]) || strings.HasPrefix(name, c.name)) {
			return "; did you mean " + c.name + "?"
		}
	}
	return ""
}

func overview(w io.Writer) {
	fmt.Fprint(w, "riskctl works with riskd: scores, sends, watches, explains.\n\n  riskctl COMMAND [flags] [arguments]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-13s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\nriskctl COMMAND -h tells more. Each flag is also a variable: RISKD_ and its name in capitals.\n"+
		"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad input under -strict.\n")
}

func (c *command) help(w io.Writer) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.bind(fs)
	any := false
	fs.VisitAll(func(*flag.Flag) { any = true })
	line := "riskctl " + c.name
	if any {
		line += " [flags]"
	}
	if c.args != "" {
		line += " " + c.args
	}
	fmt.Fprintf(w, "%s\n\n  %s\n", c.short, line)
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(c.long))
	}
	if any {
		fmt.Fprint(w, "\nFlags:\n")
		fs.SetOutput(w)
		fs.PrintDefaults()
	}
}

// geoFlags are the flags of commands that look places up.
type geoFlags struct {
	data, city, asn string
}

func (g *geoFlags) bind(fs *flag.FlagSet) {
	bindData(fs, &g.data)
	fs.StringVar(&g.city, "geo-city", "", "GeoIP2 or GeoLite2 City `file`; empty: that in the data folder, if there")
	fs.StringVar(&g.asn, "geo-asn", "", "ASN `file` (mmdb); empty: that in the data folder, if there")
}

func bindData(fs *flag.FlagSet, data *string) {
	fs.StringVar(data, "data", ".riskd", "riskd's data `folder`: geo data, engine, keys")
}

// settle finds the files of the data folder. Files named by hand have to exist.
func (g *geoFlags) settle() error {
	for _, f := range []struct {
		flag, name string
		file       *string
	}{{"geo-city", "GeoLite2-City.mmdb", &g.city}, {"geo-asn", "asn.mmdb", &g.asn}} {
		if *f.file != "" {
			if _, err := os.Stat(*f.file); err != nil {
				return usageError("-%s: %w", f.flag, err)
			}
			continue
		}
		if p := filepath.Join(g.data, "geo", f.name); exists(p) {
			*f.file = p
		}
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

var versionCommand = &command{
	name: "version", short: "print the version",
	bind: func(*flag.FlagSet) func(context.Context, streams, []string) error {
		return func(_ context.Context, io streams, _ []string) error {
			_, err := fmt.Fprintln(io.out, "riskctl", service.ReadBuild())
			return err
		}
	},
}
