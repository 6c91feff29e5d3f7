package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	liveEvery  = 250 * time.Millisecond
	plainEvery = 5 * time.Second
	rateOver   = 2 * time.Second
)

// view shows the demo: a screen that is redrawn in place on a terminal, progress lines elsewhere. Not
// safe for concurrent use.
type view struct {
	out   io.Writer
	cfg   *Config
	d     *driver
	b     *book
	live  bool
	begin time.Time
	last  time.Time
	drawn int // lines of the last screen

	marks []mark
}

// mark remembers counts at a time, for rates.
type mark struct {
	at            time.Time
	sent, decided int64
}

func newView(cfg *Config, out io.Writer, d *driver, b *book) *view {
	v := &view{out: out, cfg: cfg, d: d, b: b, live: !cfg.Plain && isTerminal(out), begin: time.Now()}
	if !v.live {
		for _, l := range v.addresses() {
			fmt.Fprintln(out, l)
		}
	}
	return v
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

func (v *view) addresses() []string {
	dsn := "http://" + v.cfg.Listen["clickhouse-listen"] + "/  (user riskd, password in the run's clickhouse.password)"
	road := "  NATS        nats://" + v.cfg.Listen["nats-listen"]
	if v.cfg.Kafka != "" {
		road = "  Kafka       " + v.cfg.Kafka
	}
	return []string{
		"  console     " + url(v.cfg.Listen["console-listen"]) + "  (user admin, password in the run's console.password)",
		"  demo app    " + url(v.cfg.Listen["demoapp-listen"]),
		"  ClickHouse  " + dsn,
		road,
	}
}

// refresh draws when it is time to.
func (v *view) refresh(now time.Time) {
	every := plainEvery
	if v.live {
		every = liveEvery
	}
	if now.Sub(v.last) < every {
		return
	}
	v.last = now
	in, out := v.rates(now)
	totals, f, news, fresh := v.b.read()
	if v.live {
		v.screen(now, in, out, totals, f, news)
		return
	}
	fmt.Fprintf(v.out, "%4.0fs  %s  in %5.0f/s  decided %5.0f/s  events %d, decisions %d  step-ups %d (%d thieves), passed %d, denied %d, expired %d  flag after %s\n",
		now.Sub(v.begin).Seconds(), v.simTime(), in, out, v.d.sent.Load(), totals.GetScored(), f.raised, f.attackers, f.satisfied, f.denied, f.expired, &v.d.delays)
	for _, n := range news[len(news)-min(fresh, 3):] {
		fmt.Fprintln(v.out, "         "+n)
	}
}

func (v *view) rates(now time.Time) (in, out float64) {
	v.marks = append(v.marks, mark{now, v.d.sent.Load(), v.b.decided.Load()})
	for len(v.marks) > 2 && now.Sub(v.marks[0].at) > max(rateOver, plainEvery/2) && now.Sub(v.marks[1].at) > rateOver {
		v.marks = v.marks[1:]
	}
	a, z := v.marks[0], v.marks[len(v.marks)-1]
	s := z.at.Sub(a.at).Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(z.sent-a.sent) / s, float64(z.decided-a.decided) / s
}

func (v *view) simTime() string {
	t := time.UnixMilli(v.d.simNow.Load()).UTC().Format("Mon 2 Jan 15:04")
	if v.d.history.Load() {
		return t + " (their past)"
	}
	if v.d.clock.caughtUp(time.Now()) {
		return t + " (real time)"
	}
	return t
}

// screen redraws in place: up over the last one, each line cleared to its end.
func (v *view) screen(now time.Time, in, out float64, totals *riskdv1.Counts, f funnel, news []string) {
	mode := "days in minutes"
	switch {
	case v.d.history.Load():
		mode = "their past, as fast as it goes"
	case v.d.clock.caughtUp(now):
		mode = "caught up with the wall clock: real time from here on"
	}
	ends := "ctrl-c ends it and checks the record"
	if v.cfg.Seconds > 0 {
		ends = fmt.Sprintf("%.0f s left", max(0, float64(v.cfg.Seconds)-now.Sub(v.begin).Seconds()))
	}
	lines := []string{
		"",
		fmt.Sprintf("  riskd demo: %d people, %s UTC (%s), %s", v.cfg.Users, time.UnixMilli(v.d.simNow.Load()).UTC().Format("Mon 2 Jan 15:04"), mode, ends),
		"",
		fmt.Sprintf("  events      %8d in   %6.0f/s    decided %6.0f/s    flag in the app after %s", v.d.sent.Load(), in, out, &v.d.delays),
		fmt.Sprintf("  decisions   %8d      late %d   duplicate %d   dead letters %d", totals.GetScored(), totals.GetLate(), totals.GetDuplicate(), totals.GetDeadLettered()),
		fmt.Sprintf("  step-ups    %8d      passed %d   denied %d   expired %d   open %d   (a thief behind %d)", f.raised, f.satisfied, f.denied, f.expired,
			max(0, f.raised-f.satisfied-f.denied-f.expired), f.attackers),
		"",
	}
	for i := range newsMost {
		if i < len(news) {
			lines = append(lines, "  "+news[i])
		} else {
			lines = append(lines, "")
		}
	}
	lines = append(lines, "")
	lines = append(lines, v.addresses()...)
	var b strings.Builder
	b.WriteString("\x1b[?7l") // a line too long for the window is cut by the terminal, not wrapped
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	for _, l := range lines {
		b.WriteString("\r" + l + "\x1b[K\n")
	}
	b.WriteString("\x1b[?7h")
	v.drawn = len(lines)
	_, _ = io.WriteString(v.out, b.String())
}

func cut(s string, width int) string {
	r := []rune(s)
	if len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

// line1 is one step-up for the view.
func line1(sig *riskdv1.Signal, why string, t simulate.Truth, known bool) string {
	really := "?"
	switch {
	case !known:
	case t.Kind == simulate.Honest:
		really = "the owner"
		if note := t.Note; note != "" {
			really += ", " + strings.ReplaceAll(note, "_", " ")
		} else if t.Net != "" {
			really += ", " + strings.ReplaceAll(t.Net, "_", " ")
		}
	default:
		really = "a thief: " + strings.ReplaceAll(string(t.Kind), "_", " ")
	}
	return fmt.Sprintf("%s  %-18s risk %5.1f  %-58s really %s", time.UnixMilli(sig.AtMs).UTC().Format("Mon 15:04"), cut(sig.TenantId+"/"+sig.UserId, 18), sig.GetRisk().GetScore(), cut(why, 58), really)
}

func (v *view) say(text string) { fmt.Fprintln(v.out, text) }

// waiting shows how far the record is, not too often.
func (v *view) waiting(r *Result) {
	if now := time.Now(); now.Sub(v.last) > 2*time.Second {
		v.last = now
		fmt.Fprintf(v.out, "  input %d, journal %d, ClickHouse %d of %d\n", r.Events, r.Decisions+r.Late+r.Duplicate+r.DeadLetter, r.Features, r.Decisions)
	}
}

// end sums the run up.
func (v *view) end(r *Result) {
	_, f, _, _ := v.b.read()
	fmt.Fprintf(v.out, "all of it is in the record after %.0f s: %d events, of which %d followed from flags and %d were wrong on purpose\n", time.Since(v.begin).Seconds(), r.Events, v.d.reacted.Load(), v.d.spoiled.Load())
	fmt.Fprintf(v.out, "step-ups: %d, a thief behind %d; flag in the app after %s\n", r.StepUps, f.attackers, &v.d.delays)
}
