package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// measure runs all populations, as many at a time as there are processors, and pools the logins.
func (b *bench) measure(ctx context.Context, io streams) (*laboratory.Report, error) {
	atlas, err := b.open()
	if err != nil {
		return nil, err
	}
	names, err := b.worlds()
	if err != nil {
		return nil, err
	}
	outcomes := make([]*laboratory.Outcome, b.seeds)
	worlds := make([]laboratory.World, len(names))
	jobs := make([]func(context.Context) error, 0, len(outcomes)+len(worlds))
	for i := range outcomes {
		jobs = append(jobs, func(ctx context.Context) (err error) {
			outcomes[i], err = b.logins(ctx, atlas, b.seed+uint64(i), nil)
			return err
		})
	}
	for i, name := range names {
		jobs = append(jobs, func(ctx context.Context) (err error) {
			worlds[i], err = b.sessions(ctx, atlas, name, b.engine.loaded)
			return err
		})
	}
	var alone *laboratory.World
	if !b.plain && len(names) > 0 {
		alone = new(laboratory.World)
		jobs = append(jobs, func(ctx context.Context) (err error) {
			*alone, err = b.sessions(ctx, atlas, names[0], laboratory.WithoutSession(b.engine.loaded))
			return err
		})
	}
	if err := together(ctx, jobs, func(done int) { fmt.Fprintf(io.err, "bench: %d of %d populations\n", done, len(jobs)) }); err != nil {
		return nil, err
	}
	all := outcomes[0]
	for _, o := range outcomes[1:] {
		if err := all.Add(o); err != nil {
			return nil, err
		}
	}
	report := laboratory.NewReport(all)
	if len(worlds) > 0 {
		report.Worlds, report.Alone = worlds, alone
	}
	return report, nil
}

// open prepares what all populations share.
func (b *bench) open() (*simulate.Atlas, error) {
	if err := b.engine.load(); err != nil {
		return nil, err
	}
	return b.atlas()
}

// logins runs every method over one population.
func (b *bench) logins(ctx context.Context, atlas *simulate.Atlas, seed uint64, gallery *laboratory.Gallery) (*laboratory.Outcome, error) {
	cfg, err := b.config()
	if err != nil {
		return nil, err
	}
	cfg.Seed, cfg.Only, cfg.OwnFactor = seed, laboratory.LoginAttackers, true
	methods := b.methods(true)
	if gallery != nil {
		cfg.Only, methods = []simulate.Kind{gallery.Kind}, methods[:1]
	}
	enricher, err := enrich.New(enrich.Config{City: b.geo.city, ASN: b.geo.asn})
	if err != nil {
		return nil, err
	}
	trial := &laboratory.Trial{World: cfg, Comparators: methods, Gallery: gallery}
	return trial.Run(ctx, atlas, enricher)
}

// sessions plays one world live.
func (b *bench) sessions(ctx context.Context, atlas *simulate.Atlas, name string, engine laboratory.Engine) (laboratory.World, error) {
	out := laboratory.World{Name: name, Weeks: float64(b.sessionDays) / 7}
	w := b.worldFlags
	w.world, w.users, w.days, w.attacks, w.activity, w.only = name, b.sessionUsers, b.sessionDays, b.sessionAttack, 1, ""
	cfg, err := w.config()
	if err != nil {
		return out, err
	}
	world, err := simulate.New(cfg, atlas)
	if err != nil {
		return out, err
	}
	judge, err := newOffline(b.engine.loaded, b.geo.city, b.geo.asn)
	if err != nil {
		return out, err
	}
	judge.step = engine
	live := laboratory.Live{Judge: judge.score}
	out.Sessions, err = live.Run(ctx, world)
	return out, err
}

// together runs jobs on all processors until all are done or one fails, and returns when none runs any more.
func together(ctx context.Context, jobs []func(context.Context) error, progress func(done int)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	queue := make(chan func(context.Context) error)
	results := make(chan error)
	var workers sync.WaitGroup
	for range min(len(jobs), runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for job := range queue {
				results <- job(ctx)
			}
		})
	}
	go func() {
		defer close(results)
		defer workers.Wait()
		defer close(queue)
		for _, job := range jobs {
			select {
			case queue <- job:
			case <-ctx.Done():
				return
			}
		}
	}()
	var errs []error
	done := 0
	for err := range results {
		if done++; err == nil {
			progress(done)
			continue
		}
		if len(errs) == 0 || !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
		stop()
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if done < len(jobs) {
		return ctx.Err()
	}
	return nil
}

// replay runs the methods over the RBA data set.
func (b *bench) replay(ctx context.Context, io streams) error {
	if err := b.engine.load(); err != nil {
		return err
	}
	in, err := laboratory.OpenRBA(b.rba)
	if err != nil {
		return usageError("-rba: %w", err)
	}
	defer in.Close()
	enricher, err := enrich.New(enrich.DefaultConfig())
	if err != nil {
		return err
	}
	last := time.Now()
	run := laboratory.Replay{Comparators: b.methods(false), Progress: func(rows int) {
		if now := time.Now(); now.Sub(last) > 5*time.Second {
			last = now
			fmt.Fprintf(io.err, "bench: %d rows\n", rows)
		}
	}}
	outcome, err := run.Run(ctx, in, enricher)
	if err != nil {
		return err
	}
	if run.Bad > 0 {
		fmt.Fprintf(io.err, "bench: %d of %d rows could not be used; the first: %v\n", run.Bad, run.Rows, run.FirstBad)
	}
	if run.Backwards > 0 {
		fmt.Fprintf(io.err, "bench: %d rows go back in time; the data set is meant to be sorted by it\n", run.Backwards)
	}
	fmt.Fprintf(io.out, "%s: %d rows, %d bad. No positions and no device tokens in there: travel and tokens are not evaluable, rules of speed and distance score nothing.\n", b.rba, run.Rows, run.Bad)
	report := laboratory.NewReport(outcome)
	if err := report.WriteTable(io.out); err != nil {
		return err
	}
	if b.page != "" {
		if err := writePage(b.page, report, laboratory.Verdict{}, "RBA data set, "+b.rba); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(io.out, report.RecordedLine(run.Rows, run.Bad))
	return err
}
