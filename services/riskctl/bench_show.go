package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/riskd-io/riskd/pkg/laboratory"
	"github.com/riskd-io/riskd/pkg/simulate"
	"github.com/riskd-io/riskd/pkg/story"
)

// exhibit shows the logins that our score got most wrong.
func (b *bench) exhibit(ctx context.Context, std streams) error {
	if b.show == showSessions {
		return b.exhibitSessions(ctx, std)
	}
	kind := simulate.Kind(b.show)
	if !slices.Contains(laboratory.LoginAttackers, kind) {
		return usageError("-show: %q is none of %v and %s", b.show, laboratory.LoginAttackers, showSessions)
	}
	if b.most < 1 {
		return usageError("-most: %d, want at least 1", b.most)
	}
	atlas, err := b.open()
	if err != nil {
		return err
	}
	g := &laboratory.Gallery{Kind: kind, Most: b.most}
	if _, err := b.logins(ctx, atlas, b.seed, g); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %d attacks, seed %d.\n", words(b.show), g.Seen(), b.seed)
	for _, tpr := range laboratory.TPRs {
		above, of, limit := g.Overlap(tpr)
		fmt.Fprintf(std.out, "To catch %.1f %% the threshold is %.2f nats; %d of %d honest logins (%.2f %%) reach it.\n", 100*tpr, limit, above, of, 100*float64(above)/float64(max(of, 1)))
	}
	fmt.Fprintf(std.out, "\nThe %d attacks that score lowest:\n", len(g.Attacks))
	for i := range g.Attacks {
		writeExhibit(std.out, &g.Attacks[i])
	}
	fmt.Fprintf(std.out, "\nThe %d honest logins that score highest, first logins left out:\n", len(g.Honest))
	for i := range g.Honest {
		writeExhibit(std.out, &g.Honest[i])
	}
	return nil
}

// showSessions asks for what went wrong in sessions rather than at logins.
const showSessions = "sessions"

// exhibitSessions shows honest prompts in mid-session, and stolen sessions that went on.
func (b *bench) exhibitSessions(ctx context.Context, std streams) error {
	atlas, err := b.open()
	if err != nil {
		return err
	}
	w, err := b.sessions(ctx, atlas, b.world, b.engine.loaded)
	if err != nil {
		return err
	}
	s := w.Sessions
	for _, part := range []struct {
		title string
		all   []laboratory.Exhibit
	}{{"honest prompts after the login", s.Prompted}, {"stolen sessions not stepped up by their second event", s.Unseen}} {
		// Spread over the time, not the first days alone.
		n := min(b.most, len(part.all))
		fmt.Fprintf(std.out, "\n%d of the %s:\n", n, part.title)
		for i := range n {
			writeExhibit(std.out, &part.all[i*len(part.all)/n])
		}
	}
	return nil
}

func writeExhibit(w io.Writer, x *laboratory.Exhibit) {
	fmt.Fprintf(w, "\n%+.2f nats, %s %s", x.Score, x.User, time.UnixMilli(int64(x.Time)).UTC().Format("Mon 2006-01-02 15:04"))
	if x.Action == "" {
		fmt.Fprintf(w, ", %d logins before", x.History)
	} else {
		fmt.Fprintf(w, ", %s, risk %.1f", x.Action, x.Risk)
	}
	if x.Note != "" {
		fmt.Fprintf(w, ", %s", x.Note)
	}
	fmt.Fprintln(w)
	if x.Action == "" {
		fmt.Fprintf(w, "  from %s, %s, AS%d %s; %s on %s\n", orNone(x.Network.Place.City, "somewhere"), orNone(x.Network.Place.Country, "?"), x.Network.ASN, x.Network.ASOrg,
			orNone(x.Agent.Browser, "unknown browser"), orNone(x.Agent.OS, "unknown system"))
	}
	for _, l := range story.Explain(x.Parts) {
		fmt.Fprintf(w, "  %+7.3f  %s: %s\n", l.Nats, l.Title, l.Words)
	}
}
