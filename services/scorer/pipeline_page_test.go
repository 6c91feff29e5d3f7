package scorer

import (
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func cores() int { return runtime.GOMAXPROCS(0) }

// write leaves name.html, name.json and name.txt in dir.
func (r *pipeline) write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	var page strings.Builder
	if err := pipelinePage.Execute(&page, map[string]any{"R": r, "Line": r.line(), "Plots": r.plots()}); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(page.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".txt"), []byte(r.table()+r.line()+"\n"), 0o644)
}

// table is the report for a terminal.
func (r *pipeline) table() string {
	var b strings.Builder
	row := func(name string, c cost) {
		fmt.Fprintf(&b, "%-37s %9.0f events/s %7.2f CPU s/M %7.0f B/event", name, c.Rate, c.CPU, c.Bytes)
		if c.Broker > 0 {
			fmt.Fprintf(&b, ", of the CPU the broker's %.2f", c.Broker)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%s; machine: %s. %s\n", r.Broker, r.Machine, r.Note)
	row("raw consume", r.Main.Raw)
	if r.Main.Tapped.Rate > 0 {
		row("raw consume, past the client library", r.Main.Tapped)
	}
	row("bare relay", r.Main.Relay)
	if r.Main.Stock.Rate > 0 {
		row("bare relay of stock parts", r.Main.Stock)
	}
	row("scorer, everything on", r.Main.Scorer)
	if r.Main.First > 0 {
		fmt.Fprintf(&b, "  of %d events, its start included: the first record was stored after %.0f ms\n", r.Main.Events, 1000*r.Main.First)
	}
	for _, d := range r.Drains {
		fmt.Fprintf(&b, "  a round: raw %.0f, relay %.0f, scorer %.0f events/s; %.2f of raw, %.2f of the relay", d.Raw.Rate, d.Relay.Rate, d.Scorer.Rate,
			d.Scorer.Rate/d.Raw.Rate, d.Scorer.Rate/d.Relay.Rate)
		if d.Stock.Rate > 0 {
			fmt.Fprintf(&b, ", %.2f of that of stock parts", d.Scorer.Rate/d.Stock.Rate)
		}
		b.WriteString("\n")
	}
	row("its own part, neither read nor stored", r.Own)
	row("all of riskd, into ClickHouse", r.Full)
	fmt.Fprintf(&b, "%.1f signals for 1000 events; the events are %.0f B each as they come\n", r.Main.Signals, r.Main.Raw.Bytes)
	if d := r.Bare; d != nil {
		row("raw consume, bare events", d.Raw)
		row("bare relay, bare events", d.Relay)
		row("scorer, bare events", d.Scorer)
	}
	for _, d := range r.Partitions {
		row(fmt.Sprintf("raw consume, %d partitions", d.Partitions), d.Raw)
		row(fmt.Sprintf("bare relay, %d partitions", d.Partitions), d.Relay)
		row(fmt.Sprintf("scorer, %d partitions", d.Partitions), d.Scorer)
	}
	for _, d := range r.Users {
		row(fmt.Sprintf("scorer, %d users", d.Users), d.Scorer)
	}
	for _, l := range r.Latency {
		for i, q := range []quantiles{l.Relay, l.Scorer} {
			name, note := [...]string{"relay", "scorer"}[i], ""
			if q.FellBehind {
				note = " (the producer fell behind)"
			}
			fmt.Fprintf(&b, "publish to guard, %6d/s, %-6s    p50 %8.1f  p99 %8.1f  p99.9 %8.1f ms, CPU %.1f us per event%s\n", l.Rate, name, q.P50, q.P99, q.P999,
				[...]float64{l.RelayCPU, l.ScorerCPU}[i], note)
		}
		fmt.Fprintf(&b, "  in the scorer, on average: %.1f events per record, %.2f ms from append to answer, %.2f ms from an event's storing to its flag's\n", l.Events, l.AppendMS, l.FlagMS)
	}
	for _, l := range r.Rounds {
		fmt.Fprintf(&b, "  a round at %d/s: p99 %.1f ms, the relay's %.1f, ratio %.2f\n", l.Rate, l.Scorer.P99, l.Relay.P99, l.Scorer.P99/l.Relay.P99)
	}
	fmt.Fprintf(&b, "%d users: restart %.1f s, takeover after a kill %.1f s, %.0f B of resident memory per user\n", r.Million, r.Restart, r.Takeover, r.RSSPerUser)
	if x := r.Restore; x != nil {
		fmt.Fprintf(&b, "state of %d users, %.0f MB: a bare consumer reads it in %.2f s (%.0f MB/s), the scorer's load takes %.2f s (%.0f MB/s), ratio %.2f\n", r.Million, x.MB,
			x.Raw, x.MB/x.Raw, x.Load, x.MB/x.Load, x.Raw/x.Load)
		fmt.Fprintf(&b, "handover after a graceful stop %.1f s\n", x.Handover)
	}
	return b.String()
}

// plot is one bar chart.
type plot struct {
	Title, Unit string
	Bars        []bar
}

type bar struct {
	Name  string
	Value float64
	Kind  string // colour
	Width float64
	Y     int
}

// Height of the drawing.
func (p plot) Height() int { return 26*len(p.Bars) + 6 }

func newPlot(title, unit string, bars ...bar) plot {
	most := 0.0
	for _, b := range bars {
		most = max(most, b.Value)
	}
	for i := range bars {
		bars[i].Width, bars[i].Y = 420*bars[i].Value/max(most, 1e-9), 26*i
	}
	return plot{title, unit, bars}
}

func (r *pipeline) plots() []plot {
	m := r.Main
	rates := []bar{{Name: "raw consume", Value: m.Raw.Rate, Kind: "raw"}, {Name: "bare relay", Value: m.Relay.Rate, Kind: "relay"},
		{Name: "scorer", Value: m.Scorer.Rate, Kind: "scorer"}, {Name: "all, into ClickHouse", Value: r.Full.Rate, Kind: "full"}}
	cpu := []bar{{Name: "raw consume", Value: m.Raw.CPU, Kind: "raw"}, {Name: "bare relay", Value: m.Relay.CPU, Kind: "relay"},
		{Name: "scorer", Value: m.Scorer.CPU, Kind: "scorer"},
		{Name: "scorer's own part", Value: r.Own.CPU, Kind: "scorer"}, {Name: "all, into ClickHouse", Value: r.Full.CPU, Kind: "full"}}
	if m.Tapped.Rate > 0 {
		rates = slices.Insert(rates, 1, bar{Name: "raw, as riskd reads", Value: m.Tapped.Rate, Kind: "raw"})
		cpu = slices.Insert(cpu, 1, bar{Name: "raw, as riskd reads", Value: m.Tapped.CPU, Kind: "raw"})
	}
	if m.Stock.Rate > 0 {
		at := slices.IndexFunc(rates, func(b bar) bool { return b.Kind == "scorer" })
		rates = slices.Insert(rates, at, bar{Name: "relay of stock parts", Value: m.Stock.Rate, Kind: "relay"})
		cpu = slices.Insert(cpu, at, bar{Name: "relay of stock parts", Value: m.Stock.CPU, Kind: "relay"})
	}
	var parts, users, lat, lat999, hops []bar
	for _, d := range r.Partitions {
		parts = append(parts, bar{Name: fmt.Sprintf("%d, relay", d.Partitions), Value: d.Relay.Rate, Kind: "relay"},
			bar{Name: fmt.Sprintf("%d, scorer", d.Partitions), Value: d.Scorer.Rate, Kind: "scorer"})
	}
	for _, d := range r.Users {
		users = append(users, bar{Name: fmt.Sprintf("%d", d.Users), Value: d.Scorer.CPU, Kind: "scorer"})
	}
	for _, l := range r.Latency {
		lat = append(lat, bar{Name: fmt.Sprintf("%d/s, relay", l.Rate), Value: l.Relay.P99, Kind: "relay"},
			bar{Name: fmt.Sprintf("%d/s, scorer", l.Rate), Value: l.Scorer.P99, Kind: "scorer"})
		hops = append(hops, bar{Name: fmt.Sprintf("%d/s, append", l.Rate), Value: l.AppendMS, Kind: "relay"},
			bar{Name: fmt.Sprintf("%d/s, to its flag", l.Rate), Value: l.FlagMS, Kind: "scorer"})
		lat999 = append(lat999, bar{Name: fmt.Sprintf("%d/s, relay", l.Rate), Value: l.Relay.P999, Kind: "relay"},
			bar{Name: fmt.Sprintf("%d/s, scorer", l.Rate), Value: l.Scorer.P999, Kind: "scorer"})
	}
	return []plot{newPlot("Events per second", "events/s", rates...), newPlot("CPU seconds per million events, server included", "s", cpu...),
		newPlot("By number of partitions", "events/s", parts...), newPlot("CPU by number of users", "s per million", users...),
		newPlot("Publish to flag in the guard, p99", "ms", lat...), newPlot("Publish to flag in the guard, p99.9", "ms", lat999...),
		newPlot("In the scorer, mean: append to answer, an event's storing to its flag's", "ms", hops...)}
}

var pipelinePage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>riskd: the pipeline</title>
<meta name="viewport" content="width=device-width"><style>
:root{color-scheme:light dark;--raw:#8a8f98;--relay:#3b7dd8;--scorer:#d9822b;--full:#7a4fbf}
body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
svg{width:100%;height:auto}text{font:13px system-ui,sans-serif;fill:currentColor}code{display:block;overflow-x:auto;padding:.6rem;border:1px solid #8886}
.raw{fill:var(--raw)}.relay{fill:var(--relay)}.scorer{fill:var(--scorer)}.full{fill:var(--full)}</style>
<h1>What riskd costs beside its broker</h1>
<p>{{.R.Machine}}; {{.R.At.Format "2006-01-02 15:04"}} UTC; {{.R.Broker}}. {{.R.Note}}; raw, relay and scorer read the same stored events in
one run.{{with .R.Drains}} Of {{len .}} rounds each figure is the middle one.{{end}} The relay decodes each event and appends one record per batch, both as the scorer does; it judges nothing.{{if .R.Main.Stock.Rate}} That of stock parts decodes with generated code and appends
generated records, compressed.{{end}}{{if .R.Main.Tapped.Rate}} Raw and the relay read through nats.go, as any
consumer does; riskd takes its events before the library sees them.{{end}}</p><code>{{.Line}}</code>
{{range .Plots}}<h2>{{.Title}}</h2><svg viewBox="0 0 720 {{.Height}}" role="img" aria-label="{{.Title}}">{{$u := .Unit}}
{{range .Bars}}<g transform="translate(0 {{.Y}})"><text x="150" y="17" text-anchor="end">{{.Name}}</text><rect class="{{.Kind}}" x="160" y="3" width="{{printf "%.1f" .Width}}" height="20"><title>{{.Name}}: {{printf "%.2f" .Value}} {{$u}}</title></rect>
<text x="{{printf "%.1f" .End}}" y="17">{{.Text}} {{$u}}</text></g>{{end}}</svg>{{end}}
<p>With {{.R.Million}} users: restart {{printf "%.1f" .R.Restart}} s, takeover after kill -9 {{printf "%.1f" .R.Takeover}} s, {{printf "%.0f" .R.RSSPerUser}} bytes of resident memory per user.</p>
{{with .R.Restore}}<p>Their state is {{printf "%.0f" .MB}} MB: a bare consumer reads it in {{printf "%.2f" .Raw}} s, the scorer's load takes {{printf "%.2f" .Load}} s.
Handover after a graceful stop: {{printf "%.1f" .Handover}} s.</p>{{end}}`))

// End is where the value is written.
func (b bar) End() float64 { return 166 + b.Width }

// Text is the value, with as many digits as it deserves.
func (b bar) Text() string {
	if b.Value >= 100 {
		return fmt.Sprintf("%.0f", b.Value)
	}
	return fmt.Sprintf("%.1f", b.Value)
}
