package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/score"
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
Runs our scorer, Freeman's model with and without a device token, a points rule and three simpler rules
over the same simulated stream, and prints what share of honest logins each must challenge to catch
98 to 99.9 % of the attacks, by kind of attacker and length of history. The last line is for scripts;
the exit code is 1 when a target is missed and -strict is given.

  riskctl bench
  riskctl bench -users 5000 -attacks 1500 -page detection.html`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var w worldFlags
		w.bind(fs)
		page := fs.String("page", "", "also write the table with plots to this HTML `file`")
		strict := fs.Bool("strict", false, "exit 1 when a target is missed")
		_ = fs.Set("users", "1500")
		_ = fs.Set("days", "56")
		_ = fs.Set("activity", "0.25")
		_ = fs.Set("attacks", "500")
		return func(ctx context.Context, io streams, _ []string) error {
			report, err := runBench(ctx, io, &w)
			if err != nil {
				return err
			}
			if err := report.WriteTable(io.out); err != nil {
				return err
			}
			verdict := report.Judge(w.seed)
			fmt.Fprintln(io.out)
			for _, l := range verdict.Lines {
				fmt.Fprintln(io.out, l)
			}
			if *page != "" {
				if err := writeBenchPage(*page, report, verdict, &w); err != nil {
					return err
				}
			}
			fmt.Fprintln(io.out, report.Line(verdict))
			if *strict && !verdict.OK {
				return fmt.Errorf("a detection target is missed; the lines marked MISSED say which")
			}
			return nil
		}
	},
}

func runBench(ctx context.Context, io streams, w *worldFlags) (*laboratory.Report, error) {
	cfg, err := w.config()
	if err != nil {
		return nil, err
	}
	cfg.Only, cfg.OwnFactor = laboratory.LoginAttackers, true
	atlas, err := w.atlas()
	if err != nil {
		return nil, err
	}
	enricher, err := enrich.New(enrich.Config{City: w.geo.city, ASN: w.geo.asn})
	if err != nil {
		return nil, err
	}
	engine, err := risk.New(policy.Default(), baseline.Default())
	if err != nil {
		return nil, err
	}
	methods := []laboratory.Comparator{
		laboratory.NewRiskd(laboratory.Ours, engine),
		laboratory.NewFreeman(false), laboratory.NewFreeman(true), laboratory.NewPoints(),
		laboratory.NewSpeed(), laboratory.NewExactMatch(), laboratory.NewCountryOrDevice(),
	}
	for _, a := range ablations {
		methods = append(methods, laboratory.NewRiskd(a.name, engine, a.codes...))
	}
	last := time.Time{}
	trial := &laboratory.Trial{World: cfg, Comparators: methods, Progress: func(share float64) {
		if now := time.Now(); now.Sub(last) > 5*time.Second {
			last = now
			fmt.Fprintf(io.err, "bench: %3.0f %%\n", 100*share)
		}
	}}
	outcome, err := trial.Run(ctx, atlas, enricher)
	if err != nil {
		return nil, err
	}
	return laboratory.NewReport(outcome), nil
}

func writeBenchPage(name string, r *laboratory.Report, v laboratory.Verdict, w *worldFlags) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	about := fmt.Sprintf("World %s, seed %d, %d people, %d days, engine %s.", w.world, w.seed, w.users, w.days, risk.Version)
	if err := r.WritePage(f, v, about); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing the page: %w", err)
	}
	return f.Close()
}
