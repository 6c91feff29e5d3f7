package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// Ablations: parts left out of our score, to see what each is worth.
var ablations = []struct {
	name  string
	codes []string
}{
	{"riskd without token", []string{score.UnknownDevice, score.KnownDevice, score.TokenMoved, score.SharedDevice}},
	{"riskd without agent", []string{score.NewAgent, score.KnownAgent}},
	{"riskd without network", []string{score.NewNetwork, score.KnownNetwork, score.HostingNetwork, score.UnusualRTT}},
	{"riskd without travel", []string{score.ImpossibleTravel}},
	{"riskd without hour", []string{score.UnusualHour, score.UsualHour}},
	{"riskd without crowd", []string{score.CrowdSource, score.Failures}},
}

var benchCommand = &command{
	name: "bench", short: "measure detection beside published methods and hand-written rules",
	long: `
Two measurements, both on simulated people at real addresses.

Logins: our scorer, ablations of it, Freeman's model with and without a device token, a points rule, the rules
of open systems and simpler ones see the same stream. Printed is what share of honest logins each must
challenge to catch 98 to 99.9 % of the attacks, by kind of attacker and length of history.

Sessions: our scorer plays every world live with its policy. Printed is how soon thieves of sessions, insiders,
poisoners and sprayers are stepped up, and what the honest pay for it.

The last line is for scripts; the exit code is 1 when a target is missed and -strict is given.

  riskctl bench
  riskctl bench -page detection.html -strict
  riskctl bench -show targeted        # the logins that the score got most wrong, with reasons
  riskctl bench -rba rba-dataset.csv  # on the RBA data set of Wiefling et al. (csv, gzip or zip)`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var b bench
		b.bind(fs)
		return func(ctx context.Context, io streams, _ []string) error {
			switch {
			case b.rba != "" && b.show != "":
				return usageError("-rba and -show cannot be combined")
			case b.rba != "":
				return b.replay(ctx, io)
			case b.show != "":
				return b.exhibit(ctx, io)
			}
			return b.run(ctx, io)
		}
	},
}

// bench is one measurement of detection.
type bench struct {
	worldFlags
	engine engineFlags
	page   string
	strict bool
	seeds  int
	show   string
	most   int
	rba    string
	plain  bool
	// sessionWorlds are played live, for so many people and days.
	sessionWorlds string
	sessionUsers  int
	sessionDays   int
	sessionAttack int
}

func (b *bench) bind(fs *flag.FlagSet) {
	b.worldFlags.bind(fs)
	b.engine.bind(fs)
	fs.StringVar(&b.page, "page", "", "also write everything with plots to this HTML `file`")
	fs.BoolVar(&b.strict, "strict", false, "exit 1 when a target is missed")
	fs.IntVar(&b.seeds, "seeds", 4, "`number` of populations, pooled; the first has -seed, each next one more")
	fs.StringVar(&b.show, "show", "", "instead: the logins of this `kind` of attacker that score lowest, and the honest that score highest, with reasons; or sessions")
	fs.IntVar(&b.most, "most", 10, "with -show: how many of each")
	fs.StringVar(&b.rba, "rba", "", "instead: run over this `file` of the RBA data set")
	fs.BoolVar(&b.plain, "no-ablations", false, "leave the ablations out")
	fs.StringVar(&b.sessionWorlds, "session-worlds", "all", "`worlds` to play live: all, none, or a comma list")
	fs.IntVar(&b.sessionUsers, "session-users", 400, "people in each of them")
	fs.IntVar(&b.sessionDays, "session-days", 28, "`days` of each of them")
	fs.IntVar(&b.sessionAttack, "session-attacks", 100, "attacks of each kind in each of them")
	for name, value := range map[string]string{"users": "500", "days": "56", "activity": "0.25", "attacks": "200"} {
		_ = fs.Set(name, value)
		fs.Lookup(name).DefValue = value
	}
}

func (b *bench) run(ctx context.Context, io streams) error {
	if b.seeds < 1 || b.seeds > 1000 {
		return usageError("-seeds: %d is not within 1..1000", b.seeds)
	}
	report, err := b.measure(ctx, io)
	if err != nil {
		return err
	}
	if err := report.WriteTable(io.out); err != nil {
		return err
	}
	verdict := report.Judge(b.seed)
	fmt.Fprintln(io.out)
	for _, l := range verdict.Lines {
		fmt.Fprintln(io.out, l)
	}
	if b.page != "" {
		about := fmt.Sprintf("World %s, seeds %d to %d with %d people each over %d days; engine %s, policy %s, baseline %s, generator %s.", b.world, b.seed, b.seed+uint64(b.seeds)-1, b.users, b.days,
			risk.Version, strings.Join(b.engine.loaded.Versions(), " "), b.engine.base, simulate.Version)
		if err := writePage(b.page, report, verdict, about); err != nil {
			return err
		}
	}
	fmt.Fprintln(io.out, report.Line(verdict))
	if b.strict && !verdict.OK {
		return fmt.Errorf("a detection target is missed; the lines marked MISSED say which")
	}
	return nil
}

// worlds are the populations to play live.
func (b *bench) worlds() ([]string, error) {
	switch b.sessionWorlds {
	case "all":
		return simulate.Worlds(), nil
	case "none", "":
		return nil, nil
	}
	list := strings.Split(b.sessionWorlds, ",")
	for _, w := range list {
		if !slices.Contains(simulate.Worlds(), w) {
			return nil, usageError("-session-worlds: %q is none of %s", w, strings.Join(simulate.Worlds(), ", "))
		}
	}
	return list, nil
}

// methods are everything that stands in a row; each run needs its own, since they learn.
func (b *bench) methods(ablated bool) []laboratory.Comparator {
	engine := b.engine.loaded
	methods := []laboratory.Comparator{
		laboratory.NewRiskd(laboratory.Ours, engine),
		laboratory.NewPoints(), laboratory.NewFreeman(true), laboratory.NewFreeman(false),
	}
	methods = append(methods, laboratory.Published()...)
	methods = append(methods, laboratory.NewSpeed(), laboratory.NewExactMatch(), laboratory.NewCountryOrDevice())
	if ablated && !b.plain {
		for _, a := range ablations {
			methods = append(methods, laboratory.NewRiskd(a.name, engine, a.codes...))
		}
		methods = append(methods, laboratory.NewRiskd("riskd without back-off", laboratory.WithoutBackOff(engine)),
			laboratory.NewRiskd("riskd without decay", laboratory.WithoutDecay(engine)))
	}
	return methods
}

func writePage(name string, r *laboratory.Report, v laboratory.Verdict, about string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("-page: %w", err)
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("-page: %w", err)
	}
	if err := errors.Join(r.WritePage(f, v, about), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
