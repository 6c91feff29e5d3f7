package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

var watchCommand = &command{
	name: "watch", short: "show step-up signals as they come",
	long: `
One line for each revision of each challenge, as apps get it: when (event time), what the session owes
now, whose session, the risk, why, and the challenge's id.

  riskctl watch -since 1h -state required
  riskctl watch -json | jq -r 'select(.risk.score > 95) | .user_id'`,
	bind: func(fs *flag.FlagSet) func(context.Context, streams, []string) error {
		var w watching
		bindBroker(fs, &w.broker)
		fs.StringVar(&w.tenant, "tenant", "", "only this `tenant`")
		fs.StringVar(&w.user, "user", "", "only this `user`")
		fs.StringVar(&w.state, "state", "", "only this `state`: required, satisfied, denied, cancelled or expired")
		fs.DurationVar(&w.since, "since", 0, "begin this long ago; 0: only what is new")
		fs.BoolVar(&w.json, "json", false, "the whole signal as a JSON line")
		fs.IntVar(&w.count, "n", 0, "end after this many; 0: never")
		return w.run
	},
}

type watching struct {
	broker              brokerFlags
	tenant, user, state string
	since               time.Duration
	json                bool
	count               int
}

func (w *watching) run(ctx context.Context, std streams, _ []string) error {
	in, err := w.broker.open(ctx, "watch")
	if err != nil {
		return err
	}
	defer in.close()
	var since time.Time
	if w.since > 0 {
		since = time.Now().Add(-w.since)
	}
	shown := 0
	err = in.signals(ctx, since, w.tenant, func(sig *riskdv1.Signal) (more bool, err error) {
		if sig == nil {
			fmt.Fprintln(std.err, "riskctl watch: a signal that cannot be read")
			return true, nil
		}
		if w.user != "" && sig.UserId != w.user || w.state != "" && sig.State != w.state {
			return true, nil
		}
		shown++
		return w.count == 0 || shown < w.count, w.show(std.out, sig)
	})
	if err != nil {
		return fmt.Errorf("watching signals: %w", err)
	}
	return nil
}

func (w *watching) show(out io.Writer, sig *riskdv1.Signal) error {
	var line []byte
	if w.json {
		line = append(wire.AppendSignalJSON(nil, sig), '\n')
	} else {
		line = []byte(signalLine(sig) + "\n")
	}
	_, err := out.Write(line)
	return err
}

// signalLine is a signal for people.
func signalLine(sig *riskdv1.Signal) string {
	return fmt.Sprintf("%s  %-9s  %-22s %-24s %5.1f  %s  %s", time.UnixMilli(sig.AtMs).UTC().Format("2006-01-02 15:04:05"), sig.State,
		cell(sig.TenantId+"/"+sig.UserId, 22), cell(sig.SessionId, 24), sig.GetRisk().GetScore(), why(sig), sig.ChallengeId)
}

// why is the cause of a revision in words.
func why(sig *riskdv1.Signal) string {
	if sig.State == "required" && len(sig.GetRisk().GetReasons()) > 0 && sig.Revision == 1 {
		return words(strings.Join(sig.Risk.Reasons[:min(3, len(sig.Risk.Reasons))], ", "))
	}
	if sig.Cause == "" {
		return words(sig.GetPolicy().GetRule())
	}
	return words(sig.Cause)
}

func words(code string) string { return strings.ReplaceAll(code, "_", " ") }

// cell cuts what would break a column, and hides control characters of strange names.
func cell(s string, width int) string {
	out := make([]rune, 0, width)
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			r = '?'
		}
		if len(out) == width-1 {
			return string(append(out, '…'))
		}
		out = append(out, r)
	}
	return string(out)
}
