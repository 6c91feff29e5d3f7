package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/story"
)

var sessionCommand = &command{
	name: "session", args: "SESSION", short: "tell one session's story",
	long: `
What happened in the session in order of event time: each event with its risk, and the challenges with what
came of them. Without -tenant, the tenant that knows the session is looked for.

  riskctl session -tenant acme s_8a66b1c2d3e4f506`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var db databaseFlags
		db.bind(fs)
		tenant := fs.String("tenant", "", "the session's `tenant`")
		limit := fs.Int("n", 100, "at most this many events, the newest")
		asJSON := fs.Bool("json", false, "the whole story as JSON")
		return func(ctx context.Context, std streams, args []string) error {
			if len(args) != 1 {
				return usageError("name one session")
			}
			r, done, err := db.reader(ctx)
			if err != nil {
				return err
			}
			defer done()
			var st story.SessionStory
			_, err = tenantOf(ctx, r, *tenant, func(t string) (err error) {
				st, err = r.Session(ctx, t, args[0], *limit)
				return err
			})
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, st)
			}
			return printSession(std.out, &st)
		}
	},
}

var userCommand = &command{
	name: "user", args: "USER", short: "tell one user's story",
	long: `
The user's sessions, places, devices, challenges and riskiest moments.

  riskctl user -tenant acme -since 720h u000042`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var db databaseFlags
		db.bind(fs)
		tenant := fs.String("tenant", "", "the user's `tenant`")
		since := fs.Duration("since", 90*24*time.Hour, "how far to look back, event time")
		asJSON := fs.Bool("json", false, "the whole story as JSON")
		return func(ctx context.Context, std streams, args []string) error {
			if len(args) != 1 {
				return usageError("name one user")
			}
			r, done, err := db.reader(ctx)
			if err != nil {
				return err
			}
			defer done()
			var st story.UserStory
			_, err = tenantOf(ctx, r, *tenant, func(t string) (err error) {
				st, err = r.User(ctx, t, args[0], time.Now().Add(-*since))
				return err
			})
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, st)
			}
			return printUser(std.out, &st)
		}
	},
}

var explainCommand = &command{
	name: "explain", args: "EVENT_ID", short: "explain one decision in plain words",
	long: `
Where the event came from, every part of its risk with the numbers behind it, what was not known, and which
versions judged. The parts add up to the risk to the last digit.

  riskctl explain 019aa8f4-6a3d-7c41-9d7a-3b6e3f0a91c2`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var db databaseFlags
		db.bind(fs)
		tenant := fs.String("tenant", "", "the event's `tenant`")
		asJSON := fs.Bool("json", false, "the decision as JSON")
		return func(ctx context.Context, std streams, args []string) error {
			if len(args) != 1 {
				return usageError("name one event")
			}
			r, done, err := db.reader(ctx)
			if err != nil {
				return err
			}
			defer done()
			var ds []story.Decision
			_, err = tenantOf(ctx, r, *tenant, func(t string) (err error) {
				ds, err = r.Decision(ctx, t, args[0])
				return err
			})
			if err != nil {
				return err
			}
			if *asJSON {
				return printJSON(std.out, ds)
			}
			for i := range ds {
				if err := printExplanation(std.out, &ds[i]); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

const stamp = "2006-01-02 15:04:05"

func printSession(w io.Writer, st *story.SessionStory) error {
	s := &st.Summary
	p := printer{w: w}
	p.line("session %s of %s, tenant %s: %s", clean(s.Session), clean(s.User), clean(st.Tenant), s.State)
	p.line("%s to %s UTC, %d events, highest risk %.1f, %d addresses%s", s.First.UTC().Format(stamp), s.Last.UTC().Format(stamp), s.Decisions, s.Worst, s.Addresses,
		in(s.Countries))
	if st.Left > 0 {
		p.line("(%d older events left out; -n shows more)", st.Left)
	}
	p.line("")
	for i := range st.Entries {
		p.entry(&st.Entries[i])
	}
	p.challenges(st.Challenges)
	return p.err
}

func printUser(w io.Writer, st *story.UserStory) error {
	p := printer{w: w}
	p.line("user %s, tenant %s: %d events in %d sessions from %d addresses, %s to %s UTC", clean(st.User), clean(st.Tenant), st.Events, st.Sessions, st.Addresses,
		st.First.UTC().Format(stamp), st.Last.UTC().Format(stamp))
	p.line("\nplaces")
	for _, x := range st.Places {
		p.line("  %-28s %6d events, %s to %s  %s", cell(place(x.City, x.Country), 28), x.Events, x.First.UTC().Format(time.DateOnly), x.Last.UTC().Format(time.DateOnly), clean(strings.Join(x.Networks, ", ")))
	}
	p.line("\ndevices")
	for _, x := range st.Devices {
		p.line("  %-22s %-28s %6d events, last %s", cell(orNone(x.ID, "no token"), 22), cell(strings.TrimSpace(x.Browser+" on "+x.OS), 28), x.Events, x.Last.UTC().Format(stamp))
	}
	p.line("\nsessions, newest first")
	for _, x := range st.Recent {
		p.line("  %s  %-26s %5d events  risk %5.1f  %-9s %s%s", x.First.UTC().Format(stamp), cell(x.Session, 26), x.Decisions, x.Worst, x.State, clean(strings.TrimSpace(x.Browser+" on "+x.OS)), in(x.Countries))
	}
	if len(st.Riskiest) > 0 {
		p.line("\nriskiest")
		for i := range st.Riskiest {
			p.decision(&st.Riskiest[i])
		}
	}
	p.challenges(st.Challenges)
	return p.err
}

func printExplanation(w io.Writer, d *story.Decision) error {
	p := printer{w: w}
	p.line("%s %s at %s UTC (%s, %s)", clean(d.User), clean(d.Did()), d.Time.UTC().Format(stamp), clean(d.EventAction), d.Outcome)
	p.line("risk %.1f of 100, %s: %s. %s", d.Risk, d.Level, words(d.Action), clean(d.Headline()))
	p.line("from %s", origin(&d.Origin))
	if d.Rule != "" {
		p.line("decided by the rule %q", d.Rule)
	}
	if d.Challenge != "" {
		p.line("challenge %s, session %s", d.Challenge, d.SessionState)
	}
	p.line("scores: impossible travel %.1f, new device %.1f, deviation %.1f\n", d.Scores.ImpossibleTravel, d.Scores.NewDevice, d.Scores.Deviation)
	sum := 0.0
	for _, part := range story.Explain(d.Parts) {
		sum += part.Nats
		p.line("  %+8.3f  %s: %s", part.Nats, part.Title, clean(part.Words))
	}
	p.line("  %+8.3f  sum, which is a risk of %.1f in 100", sum, d.Risk)
	p.places(d.Parts)
	if len(d.Unknown) > 0 {
		p.line("\nnot known: %s", words(strings.Join(d.Unknown, ", ")))
	}
	p.line("\njudged by policy %s, baseline %s, geo %s, engine %s; journal %d:%d#%d", d.Policy, d.Baseline, orNone(d.Geo, "none"), d.Engine, d.Position.Partition, d.Position.Seq, d.Position.Idx)
	return p.err
}
