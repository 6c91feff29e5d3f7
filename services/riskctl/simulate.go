package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/wire"
)

// worldFlags describe a simulated world.
type worldFlags struct {
	geo      geoFlags
	world    string
	seed     uint64
	users    int
	days     int
	end      string
	activity float64
	attacks  int
	only     string
	branches bool
}

func (w *worldFlags) bind(fs *flag.FlagSet) {
	w.geo.bind(fs)
	fs.StringVar(&w.world, "world", simulate.Mixed, "`population`: "+strings.Join(simulate.Worlds(), ", "))
	fs.Uint64Var(&w.seed, "seed", 1, "same seed, same bytes")
	fs.IntVar(&w.users, "users", 2000, "`number` of people")
	fs.IntVar(&w.days, "days", 28, "simulated `days`")
	fs.StringVar(&w.end, "end", "2026-11-20T00:00:00Z", "when the simulated time ends: RFC 3339, or now")
	fs.Float64Var(&w.activity, "activity", 1, "how much people do; 1 is about forty events per working day")
	fs.IntVar(&w.attacks, "attacks", 0, "attacks of each kind; 0: one per hundred users, -1: none")
	fs.StringVar(&w.only, "only", "", "`kinds` of attackers, comma list; empty: all of "+kindList())
	fs.BoolVar(&w.branches, "branches", true, "replayed sessions have a branch id, as the SDK reports them")
}

func kindList() string {
	var s []string
	for _, k := range simulate.Attackers() {
		s = append(s, string(k))
	}
	return strings.Join(s, ", ")
}

// config turns the flags into a world's configuration.
func (w *worldFlags) config() (simulate.Config, error) {
	end := time.Now().UTC().Truncate(time.Second)
	if w.end != "now" {
		t, err := time.Parse(time.RFC3339, w.end)
		if err != nil {
			return simulate.Config{}, usageError("-end: %q is neither now nor a time like 2026-11-20T00:00:00Z", w.end)
		}
		end = t.UTC()
	}
	cfg := simulate.DefaultConfig(end)
	cfg.World, cfg.Seed, cfg.Users, cfg.Activity, cfg.Attacks, cfg.Branches = w.world, w.seed, w.users, w.activity, w.attacks, w.branches
	cfg.Start = end.AddDate(0, 0, -w.days)
	if w.only != "" {
		for k := range strings.SplitSeq(w.only, ",") {
			cfg.Only = append(cfg.Only, simulate.Kind(strings.TrimSpace(k)))
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, &exit{exitUsage, err}
	}
	return cfg, nil
}

func (w *worldFlags) open() (*simulate.World, error) {
	cfg, err := w.config()
	if err != nil {
		return nil, err
	}
	return w.openWith(cfg)
}

func (w *worldFlags) openWith(cfg simulate.Config) (*simulate.World, error) {
	atlas, err := w.atlas()
	if err != nil {
		return nil, err
	}
	return simulate.New(cfg, atlas)
}

func (w *worldFlags) atlas() (*simulate.Atlas, error) {
	if err := w.geo.settle(); err != nil {
		return nil, err
	}
	atlas, err := simulate.OpenAtlas(w.geo.city, w.geo.asn)
	if errors.Is(err, simulate.ErrNoGeo) {
		err = fmt.Errorf("%w\n`make setup` fetches them into %s, or name yours with -geo-city and -geo-asn", err, w.geo.data)
	}
	return atlas, err
}

var simulateCommand = &command{
	name: "simulate", short: "write the events of a simulated population as JSON lines",
	long: `
People with homes, offices, phones, habits, trips and lost cookies, and attackers among them, at real
addresses out of the geo data. The events come in time order on stdout; the truth about each goes to
the -labels file, one line per event in the same order: {"id":..,"kind":"honest|naive|vpn|targeted|...",..}.

With -judge nothing is written: the same engine (-policy, -baseline) scores the stream as it is made, the apps and the
people answer its flags, and a table tells how many honest logins were challenged and how many
attackers of each kind were caught.

  riskctl simulate -users 500 -days 14 -labels truth.jsonl > events.jsonl
  riskctl simulate | riskctl score > decisions.jsonl
  riskctl simulate -judge -world travellers`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var w worldFlags
		w.bind(fs)
		labels := fs.String("labels", "", "write the truth to this `file`")
		judge := fs.Bool("judge", false, "score the stream and print how well it went")
		var e engineFlags
		e.bind(fs)
		return func(ctx context.Context, io streams, _ []string) error {
			if *judge {
				return judgeWorld(ctx, io, &w, &e)
			}
			return writeWorld(ctx, io.out, &w, *labels)
		}
	},
}

func writeWorld(ctx context.Context, out io.Writer, w *worldFlags, labels string) (err error) {
	cfg, err := w.config()
	if err != nil {
		return err
	}
	cfg.OwnFactor = true // nobody answers flags here, so the apps ask for the second factor themselves
	world, err := w.openWith(cfg)
	if err != nil {
		return err
	}
	var truth *bufio.Writer
	if labels != "" {
		f, err := os.Create(labels)
		if err != nil {
			return fmt.Errorf("-labels: %w", err)
		}
		truth = bufio.NewWriterSize(f, 256<<10)
		defer func() { err = errors.Join(err, truth.Flush(), f.Close()) }()
	}
	events := bufio.NewWriterSize(out, 256<<10)
	var line []byte
	n := 0
	for it := range world.Events() {
		if n++; n%1024 == 0 && ctx.Err() != nil {
			break
		}
		line = append(wire.AppendEventJSON(line[:0], it.Event), '\n')
		if _, err := events.Write(line); err != nil {
			return fmt.Errorf("writing events: %w", err)
		}
		if truth == nil {
			continue
		}
		label, err := json.Marshal(struct {
			ID   string `json:"id"`
			User string `json:"user"`
			simulate.Truth
		}{it.Event.Id, it.Event.User.Id, it.Truth})
		if err != nil {
			return err
		}
		if _, err := truth.Write(append(label, '\n')); err != nil {
			return fmt.Errorf("-labels: %w", err)
		}
	}
	return events.Flush()
}
