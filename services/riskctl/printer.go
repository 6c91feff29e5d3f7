package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/story"
)

// printer remembers the first fault of writing.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", a...)
	}
}

func (p *printer) entry(e *story.Entry) {
	switch {
	case e.Decision != nil:
		p.decision(e.Decision)
	case e.Late != nil:
		p.line("  %s  %-22s late, not scored: %s", e.Time.UTC().Format(stamp), cell(e.Late.EventAction, 22), words(e.Late.Reason))
	}
	if f := e.Enforcement; f != nil {
		p.line("  %19s  %-22s %s", "", f.Kind, clean(strings.Join(nonEmpty(f.Result, f.Route, f.Reason, f.ACR, strings.Join(f.AMR, "+")), ", ")))
	}
	for _, s := range e.Signals {
		p.line("  %19s  ! %s (%s), revision %d of %s", "", s.State, words(s.Cause), s.Revision, s.Challenge)
	}
}

func (p *printer) decision(d *story.Decision) {
	p.line("  %s  %-22s %-10s risk %5.1f  %-8s %s  %s", d.Time.UTC().Format(stamp), cell(d.EventAction, 22), d.Outcome, d.Risk, words(d.Action), origin(&d.Origin), headline(d))
}

func (p *printer) challenges(cs []story.Challenge) {
	if len(cs) > 0 {
		p.line("\nchallenges, newest first")
	}
	for _, c := range cs {
		p.line("  %s  %s  %s after %d revisions (%s); raised for %s at risk %.1f", c.Issued.UTC().Format(stamp), c.ID, c.State, c.Revisions, words(c.LastCause),
			words(strings.Join(nonEmpty(c.Cause, c.Rule), ", ")), c.Risk)
	}
}

// places tells of an impossible move where the user usually is, and which other moves were too fast and not counted.
func (p *printer) places(parts []decision.Part) {
	for i := range parts {
		for _, in := range parts[i].Detail {
			switch in.Key {
			case "known_places":
				p.line("\nknown places: %s", clean(in.Text))
			case "not_counted":
				p.line("\nnot counted: %.0f moves as fast, because an address there says little of where the user is", in.Number)
			}
		}
	}
}

// headline is why, for decisions that are worth a reason.
func headline(d *story.Decision) string {
	if d.Risk < 30 && d.Action == "allow" {
		return ""
	}
	return clean(d.Headline())
}

func origin(o *story.Origin) string {
	ip := ""
	if o.IP.IsValid() {
		ip = o.IP.String()
	}
	return orNone(clean(strings.Join(nonEmpty(place(o.City, o.Country), ip, o.ASOrg, o.Network, strings.TrimSpace(strings.Trim(o.Browser+" on "+o.OS, "on "))), ", ")), "an unknown place")
}

func place(city, country string) string { return strings.Join(nonEmpty(city, country), ", ") }

func in(countries []string) string {
	if len(countries) == 0 {
		return ""
	}
	return " in " + clean(strings.Join(countries, ", "))
}

func nonEmpty(s ...string) []string {
	out := s[:0:0]
	for _, x := range s {
		if x != "" {
			out = append(out, x)
		}
	}
	return out
}

func orNone(s, none string) string {
	if s == "" {
		return none
	}
	return s
}

// clean hides what could move a terminal's cursor: names come from outside.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
}
