package console

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/story"
)

//go:embed templates/*.html static/*
var files embed.FS

func static() http.Handler {
	h := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") { // no listings
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "max-age=300")
		h.ServeHTTP(w, r)
	})
}

func loadPages() (*template.Template, error) {
	sub, err := fs.Sub(files, "templates")
	if err != nil {
		return nil, err
	}
	return template.New("").Funcs(template.FuncMap{
		"clock": clock, "stamp": stamp, "iso": iso, "ago": ago, "span": span, "date": func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") },
		"num": num, "one": one, "two": func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) },
		"nats": func(v float64) string { return fmt.Sprintf("%+.2f", v) }, "pct": percent,
		"link": link, "where": story.Where, "using": story.With, "waterfall": waterfall, "adds": story.AddsUp,
		"cause": story.Cause, "rule": story.Rule, "plain": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"did": func(d *story.Decision) string { return d.Did() }, "headline": func(d *story.Decision) string { return d.Headline() },
		"len64": func(s []story.Seen) uint64 { return uint64(len(s)) },
		"ptr":   func(d story.Decision) *story.Decision { return &d }, "found": foundLink,
		"upper": strings.ToUpper, "join": strings.Join, "network": network,
		"risk": riskOf, "ask": func(c story.Challenge, label string, now time.Time) askView { return askView{c, label, now} }, "raw": printable,
		"tone": tone, "verdict": verdict, "late": func(d time.Duration) bool { return d > 30*time.Second },
	}).ParseFS(sub, "*.html")
}

// render writes a page inside the layout, or, as a fragment, alone.
func (s *Service) render(w io.Writer, name string, p page) error {
	if name != "layout" {
		return s.pages.ExecuteTemplate(w, name, p)
	}
	var body strings.Builder
	if err := s.pages.ExecuteTemplate(&body, p.Name, p); err != nil {
		return err
	}
	// The body is the output of html/template itself, which has escaped all values in it.
	return s.pages.ExecuteTemplate(w, "layout", struct {
		page
		Body template.HTML
	}{p, template.HTML(body.String())})
}

// riskView is a risk as a small meter.
type riskView struct {
	Risk  float64
	Level string
	Width float64
}

func riskOf(risk float64, level string) riskView {
	return riskView{risk, level, 0.4 * min(max(risk, 0), 100)}
}

type askView struct {
	Challenge story.Challenge
	Label     string
	Now       time.Time
}

// printable shows bytes that may be anything: text as it is, the rest as escapes.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// stamp is a moment for reading: the clock alone when it is today's.
func stamp(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	switch {
	case t.Year() <= 1970:
		return "unknown"
	case t.YearDay() == now.YearDay() && t.Year() == now.Year():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func ago(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 90*time.Second:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 90*time.Minute:
		return strconv.Itoa(int(math.Round(d.Minutes()))) + " min"
	case d < 36*time.Hour:
		return strconv.FormatFloat(d.Hours(), 'f', 1, 64) + " h"
	}
	return strconv.Itoa(int(math.Round(d.Hours()/24))) + " days"
}

// num writes a count with thousands apart.
func num(v any) string {
	s := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		s = strconv.FormatFloat(f, 'f', 0, 64)
	}
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f') // a narrow space that does not break
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// one writes a risk with one decimal. Only a full hundred is shown as one.
func one(v float64) string {
	if v < 100 && v >= 99.95 {
		v = 99.9
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func percent(part, all uint64) string {
	if all == 0 {
		return "–"
	}
	return strconv.FormatFloat(100*float64(part)/float64(all), 'f', 1, 64) + " %"
}

func network(o story.Origin) string {
	var out []string
	if o.ASOrg != "" {
		out = append(out, o.ASOrg)
	} else if o.ASN != 0 {
		out = append(out, "AS"+strconv.FormatUint(uint64(o.ASN), 10))
	}
	if o.Network != "" && o.Network != "residential" {
		out = append(out, o.Network)
	}
	return strings.Join(out, ", ")
}

// tone is the colour class of a state, level or action.
func tone(s string) string {
	switch s {
	case "allow", "low", "clear", "satisfied", "good", "passed", "allowed":
		return "good"
	case "step_up", "medium", "required", "warn", "challenged", "shown", "stale":
		return "warn"
	case "deny", "high", "denied", "expired", "bad", "fail_open", "let_through", "failed", "failure":
		return "bad"
	}
	return "none"
}

// verdict names an action for people.
func verdict(action string) string {
	switch action {
	case "step_up":
		return "step up"
	case "allow", "deny":
		return action
	}
	return action
}

// bar is one row of a waterfall, in units of a picture that is barsWidth wide.
type bar struct {
	story.Step
	X, Width, Zero float64
	Against        bool
}

const barsWidth = 300

// waterfall lays the parts out on a common axis of nats.
func waterfall(parts []decision.Part) []bar {
	steps := story.Waterfall(parts)
	lo, hi := 0.0, 0.0
	for _, s := range steps {
		lo, hi = min(lo, s.Before, s.After), max(hi, s.Before, s.After)
	}
	scale := barsWidth / max(hi-lo, 1e-9)
	out := make([]bar, len(steps))
	for i, s := range steps {
		x, end := min(s.Before, s.After), max(s.Before, s.After)
		out[i] = bar{Step: s, X: (x - lo) * scale, Width: max((end-x)*scale, 1.5), Zero: (0 - lo) * scale, Against: s.Nats > 0}
		out[i].X = min(out[i].X, barsWidth-out[i].Width)
	}
	return out
}

// chart is a series of bars, in units of a picture that is chartWidth by chartHeight.
type chart struct {
	Bars []column
	Max  uint64
}

type column struct {
	story.Bucket
	X, Width, Y, Height float64
	AlertY, AlertHeight float64
}

const (
	chartWidth  = 600
	chartHeight = 64
)

func chartOf(series []story.Bucket) chart {
	var c chart
	for _, b := range series {
		c.Max = max(c.Max, b.Decisions)
	}
	if c.Max == 0 {
		return c
	}
	step := float64(chartWidth) / float64(len(series))
	for i, b := range series {
		h := chartHeight * float64(b.Decisions) / float64(c.Max)
		if b.Decisions > 0 {
			h = max(h, 1)
		}
		// Step-ups are few: they get a scale of their own at the foot, so that one is seen at all.
		a := 0.0
		if n := b.StepUps + b.Denies; n > 0 {
			a = min(chartHeight/2, 4+2*math.Log2(float64(n)+1))
		}
		c.Bars = append(c.Bars, column{Bucket: b, X: float64(i)*step + step*0.1, Width: step * 0.8,
			Y: chartHeight - h, Height: h, AlertY: chartHeight - a, AlertHeight: a})
	}
	return c
}
