package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/risk/decision"
)

func (b *backtesting) print(out io.Writer, r *backtest.Report, s speed) error {
	if b.asJSON {
		changed := []turned{}
		for _, t := range r.Turns() {
			changed = append(changed, turned{t[0], t[1], r.Changed[t]})
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Live     []string `json:"live"`
			New      []string `json:"new"`
			Trimmed  uint64   `json:"trimmed"`
			BadLines int      `json:"bad_lines"`
			*backtest.Report
			Changed []turned `json:"changed_events"`
			Speed   speed    `json:"speed"`
		}{b.liveVersions, b.nextVersions, b.trimmed, b.badLines, r, changed, s})
	}
	fmt.Fprintf(out, "live %s\nnew  %s\n", list(b.liveVersions), list(b.nextVersions))
	switch {
	case b.cut:
		fmt.Fprintf(out, "events from before %s were left out: what they taught is missing, and decisions may differ\n", b.warmUp)
	case b.trimmed > 0:
		fmt.Fprintf(out, "%d older %s have been trimmed away: what they taught is missing, and decisions may differ\n", b.trimmed, b.unit())
	}
	if b.badLines > 0 {
		fmt.Fprintf(out, "%d lines were no events\n", b.badLines)
	}
	r.Write(out)
	fmt.Fprintf(out, "\n%s\n", s)
	if r.Differ > 0 {
		fmt.Fprintf(out, "\nthe first decision that differs, as recorded and\n%s\n", r.FirstDiffer)
		if b.trimmed == 0 && !b.cut {
			return errors.New("the live policy does not give the decisions on record: is -live what riskd runs with, and -baseline? is riskctl of the same build as riskd was?")
		}
	}
	return nil
}

// turned is how many events get another action.
type turned struct {
	Live   decision.Action `json:"live"`
	New    decision.Action `json:"new"`
	Events int             `json:"events"`
}

func list(versions []string) string {
	if n := len(versions); n > 4 {
		return fmt.Sprintf("%v and %d more", versions[:4], n-4)
	}
	return fmt.Sprint(versions)
}
