package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/rules"
)

var policyCommand = &command{
	name: "policy", args: "VERB [FILE|VERSION...]", short: "write policies with rules: test, check, store, approve, put in force, roll back",
	long: `
A policy is a YAML file: thresholds and demands, rules with conditions in CEL, lists, and examples that are its
tests. deploy/policies has files to start from. A folder stands for the files in it.

  riskctl policy facts           every name that a condition may use, with its type and unit
  riskctl policy lint FILE...    reads the files, and names what is allowed and probably not meant
  riskctl policy test FILE...    plays the examples of the files through the real engine
  riskctl policy show FILE...    the rules as they were understood, with their estimated cost

In a running installation (-nats-url) policies are stored in versions and put in force without a restart:

  riskctl policy push FILE -reason ...         stores a version, if its tests pass; nothing judges by it yet
  riskctl policy approve VERSION -reason ...   lets it be put in force, under the two-person rule by somebody else
  riskctl policy activate VERSION -reason ...  puts it in force, with -share 10 for a tenth of the users
  riskctl policy rollback -reason ...          puts in force what was before, at once
  riskctl policy versions, history             what there is, and what was done with it, by whom and why
  riskctl policy diff [VERSION|FILE] VERSION   what changes, line by line; with one name, against what is in force
  riskctl policy get VERSION                   the text
  riskctl policy two-person on|off             whether a version needs an approver who is not its author

VERSION is a version (mine@3f2a9c01), its hash, or its id, which means the one pushed last. Every change needs a -reason.

Exit code 1 when a file is refused, a test fails, or lint finds something.`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		verbose := fs.Bool("v", false, "with test: name each example")
		var log policyLogFlags
		log.bind(fs)
		return func(ctx context.Context, std streams, args []string) error {
			if len(args) == 0 {
				return usageError("want a verb, such as test, lint, push or activate")
			}
			verb, names := args[0], args[1:]
			if logVerbs[verb] != nil {
				return log.run(ctx, verb, std.out, names)
			}
			if verb == "facts" && len(names) == 0 {
				return printFacts(std.out)
			}
			do := map[string]func(io.Writer, string, *rules.File) (int, error){
				"lint": lintPolicy, "show": showPolicy,
				"test": func(w io.Writer, name string, f *rules.File) (int, error) { return testPolicy(w, name, f, *verbose) },
			}[verb]
			if do == nil || len(names) == 0 {
				return usageError("want test FILE..., lint FILE..., show FILE..., facts, or a verb for stored policies")
			}
			return eachPolicy(std, verb, names, do)
		}
	},
}

func eachPolicy(std streams, verb string, names []string, do func(io.Writer, string, *rules.File) (int, error)) error {
	faults := 0
	var files []string
	for _, name := range names {
		inside, err := rules.Files(name)
		if err != nil {
			return err
		}
		files = append(files, inside...)
	}
	for _, name := range files {
		read, err := rules.Open(name)
		if err != nil {
			fmt.Fprintln(std.out, err)
			faults++
			continue
		}
		n, err := do(std.out, name, read[0])
		if err != nil {
			return err
		}
		faults += n
	}
	if faults > 0 {
		return fmt.Errorf("%s: %d faults", verb, faults)
	}
	return nil
}

func testPolicy(w io.Writer, name string, f *rules.File, verbose bool) (int, error) {
	begin := time.Now()
	results, err := f.Test()
	if err != nil {
		return 0, err
	}
	faults := 0
	for _, r := range results {
		if verbose && len(r.Faults) == 0 {
			fmt.Fprintf(w, "%s: line %d: ok: %s\n", name, r.Line, r.Name)
		}
		for _, p := range r.Faults {
			fmt.Fprintf(w, "%s: line %d: FAILED: %s: %s\n", name, p.Line, r.Name, p.Text)
			faults++
		}
	}
	fmt.Fprintf(w, "%s: %s: %d tests, %d faults, %d ms\n", name, f.Policy.Version(), len(results), faults, time.Since(begin).Milliseconds())
	return faults, nil
}

func lintPolicy(w io.Writer, name string, f *rules.File) (int, error) {
	warnings := f.Lint()
	for _, p := range warnings {
		fmt.Fprintf(w, "%s: %s\n", name, p)
	}
	if len(warnings) == 0 {
		fmt.Fprintf(w, "%s: %s: %d rules, worst case %d of %d cost units\n", name, f.Policy.Version(), len(f.Rules), f.Cost, rules.MaxTotalCost)
	}
	return len(warnings), nil
}

func showPolicy(w io.Writer, name string, f *rules.File) (int, error) {
	who := "every tenant"
	if f.Tenant != "" {
		who = "tenant " + f.Tenant
	}
	fmt.Fprintf(w, "%s: %s, for %s; step-up from risk %g, severe from %g\n", name, f.Policy.Version(), who, f.Policy.Thresholds.StepUp, f.Policy.Thresholds.Severe)
	for i := range f.Rules {
		r := &f.Rules[i]
		fmt.Fprintf(w, "\n  %s (line %d, cost at most %d): %s\n", r.Name, r.Line, r.Cost, describe(r))
		fmt.Fprintf(w, "    when %s\n", strings.Join(strings.Fields(r.When), " "))
		if r.ReasonAnalyst != "" {
			fmt.Fprintf(w, "    why  %s\n", r.ReasonAnalyst)
		}
	}
	return 0, nil
}

// describe says in words what a rule does.
func describe(r *rules.Rule) string {
	what := map[decision.Effect]string{
		decision.AllowEffect: "risk alone, short of severe, does not ask", decision.DenyEffect: "shuts the session", decision.RevokeEffect: "shuts the session and has apps end it", decision.NotifyEffect: "records, and lets apps know",
	}[r.Effect]
	if r.Effect == decision.StepUpEffect {
		what = fmt.Sprintf("wants a proof of aal%d, at most %s old", r.Level, time.Duration(r.MaxAge)*time.Second)
		if len(r.AMR) > 0 {
			what += ", by " + strings.Join(r.AMR, " or ")
		}
	}
	switch {
	case r.Shadow:
		what += "; SHADOW: recorded, not enforced"
	case r.Rollout < 100:
		what += fmt.Sprintf("; for %g %% of users, in shadow for the others", r.Rollout)
	}
	return what
}

func printFacts(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, v := range rules.Names() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.Name, v.Type, v.Help)
	}
	fmt.Fprintf(t, "lists.NAME\tlist(string)\ta list of the file: network.ip in lists.office, user.id in lists.vips, user.id in lists.trips\n")
	fmt.Fprintf(t, "counters.NAME\tint\ta counter of the file, over its window, this event included: counters.exports > 50\n")
	return t.Flush()
}
