package main

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/signal"
	"github.com/riskd-io/riskd/pkg/simulate"
)

// judgeWorld scores a world while it is made, lets its people answer the flags, and prints how well
// the two were told apart.
func judgeWorld(ctx context.Context, std streams, w *worldFlags, policyFile string) error {
	world, err := w.open()
	if err != nil {
		return err
	}
	engine, err := openOffline(policyFile, w.geo.city, w.geo.asn)
	if err != nil {
		return err
	}
	j := judge{engine: engine, reactor: simulate.NewReactor(), attacks: map[string]*caught{}, groups: map[string]*group{}, causes: map[string]map[string]int{}}
	begin := time.Now()
	if err := j.play(ctx, world); err != nil {
		return err
	}
	cfg, err := w.config()
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "world %s, seed %d, generator %s, %d people, %d days: %d events scored in %.1f s\n", cfg.World, cfg.Seed, simulate.Version, cfg.Users, w.days, j.events, time.Since(begin).Seconds())
	fmt.Fprintf(std.out, "policy %s, baseline %s, engine %s\n", j.policy, j.baseline, j.version)
	j.print(std.out, float64(cfg.Users)*float64(w.days)/7)
	return nil
}

// judge holds the scores of one run.
type judge struct {
	engine  *offline
	reactor *simulate.Reactor
	later   laterItems
	seq     int

	events                     int
	duplicate, late, dead      int
	attacks                    map[string]*caught
	groups                     map[string]*group
	causes                     map[string]map[string]int // honest prompts by strongest part and by what was odd about the person
	prompts, rulePrompts       int
	satisfied, denied, expired int
	policy, baseline, version  string
}

// caught is how one attack went.
type caught struct {
	kind           simulate.Kind
	events, logins int
	// at is the event, from 1, at which risk raised a flag; rule the same for a rule. 0: never.
	at, rule   int
	atLogin    bool
	deeds      int // done before any flag
	worst      float64
	worstLogin float64
}

func (j *judge) cause(code string, t *simulate.Truth) {
	m := j.causes[code]
	if m == nil {
		m = map[string]int{}
		j.causes[code] = m
	}
	m[""]++
	odd := "nothing odd"
	switch {
	case t.Net != "":
		odd = "by " + t.Net
	case t.Note != "":
		odd = "on " + t.Note
	}
	m[odd]++
}

// byCount orders a count's names, most first.
func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
}

// strongestCode is the part that spoke loudest against the person.
func strongestCode(d *decision.Decision) string {
	code, most := "none", 0.0
	for i := range d.Parts {
		if p := &d.Parts[i]; p.Nats > most {
			code, most = p.Code, p.Nats
		}
	}
	return code
}

// group is a sort of honest logins.
type group struct {
	logins, prompted int
	risks            []float64
}

// laterItem is an event that is not the world's next one.
type laterItem struct {
	item  simulate.Item
	seq   int
	admit bool
}

type laterItems []laterItem

func (l laterItems) Len() int { return len(l) }
func (l laterItems) Less(i, k int) bool {
	a, b := l[i].item.Event.TimeMs, l[k].item.Event.TimeMs
	return a < b || a == b && l[i].seq < l[k].seq
}
func (l laterItems) Swap(i, k int) { l[i], l[k] = l[k], l[i] }
func (l *laterItems) Push(x any)   { *l = append(*l, x.(laterItem)) }
func (l *laterItems) Pop() any {
	old := *l
	x := old[len(old)-1]
	*l = old[:len(old)-1]
	return x
}

func (j *judge) push(it simulate.Item, admit bool) {
	j.seq++
	heap.Push(&j.later, laterItem{it, j.seq, admit})
}

// play merges the world's events with those that follow from flags, in time order.
func (j *judge) play(ctx context.Context, world *simulate.World) error {
	next, more := world.Next()
	for more || len(j.later) > 0 {
		if j.events%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var it simulate.Item
		admit := true
		if len(j.later) > 0 && (!more || j.later[0].item.Event.TimeMs <= next.Event.TimeMs) {
			l := heap.Pop(&j.later).(laterItem)
			it, admit = l.item, l.admit
		} else {
			it = next
			next, more = world.Next()
		}
		if admit {
			switch j.reactor.Admit(&it) {
			case simulate.Drop:
				continue
			case simulate.Later:
				j.push(it, true)
				continue
			}
		}
		d, err := j.engine.score(it.Event)
		if err != nil {
			return fmt.Errorf("event %s: %w", it.Event.Id, err)
		}
		j.take(&it, d)
		for i := range d.Signals {
			s := &d.Signals[i]
			for _, follow := range j.reactor.React(flagOf(s)) {
				j.push(follow, false)
			}
		}
	}
	return nil
}

func flagOf(s *signal.Signal) simulate.Flag {
	return simulate.Flag{
		Tenant: s.Tenant, Session: s.Session, ChallengeID: s.ChallengeID, Revision: s.Revision, State: string(s.State), Issued: int64(s.Issued), Cause: s.Cause,
	}
}

// take counts one decision.
func (j *judge) take(it *simulate.Item, d *decision.Decision) {
	j.events++
	switch d.Status {
	case decision.Scored:
	case decision.Duplicate:
		j.duplicate++
		return
	case decision.Late:
		j.late++
		return
	default:
		j.dead++
		return
	}
	j.policy, j.baseline, j.version = d.Policy, d.Baseline, d.Engine
	raised := false
	for i := range d.Signals {
		s := &d.Signals[i]
		switch s.State {
		case signal.Required:
			raised = raised || s.Revision == 1
		case signal.Satisfied:
			j.satisfied++
		case signal.Denied:
			j.denied++
		case signal.Expired:
			j.expired++
		}
	}
	ev := it.Event
	login := ev.Action == "auth.login" && ev.Outcome == "success"
	if it.Truth.Kind == simulate.Honest {
		if raised && d.Rule == "" {
			j.prompts++
			j.cause(strongestCode(d), &it.Truth)
		} else if raised {
			j.rulePrompts++
		}
		if login {
			j.honestLogin(it, d, raised && d.Rule == "")
		} else if raised && d.Rule == "" {
			j.count("not a login: "+ev.Action, true, d.Risk)
		}
		return
	}
	j.attack(it, d, raised, login)
}

func (j *judge) honestLogin(it *simulate.Item, d *decision.Decision, prompted bool) {
	t := &it.Truth
	j.count("all logins", prompted, d.Risk)
	j.count("world "+t.World, prompted, d.Risk)
	switch n := t.Login; {
	case n == 0:
		j.count("history 0", prompted, d.Risk)
	case n < 5:
		j.count("history 1-4", prompted, d.Risk)
	case n < 12:
		j.count("history 5-11", prompted, d.Risk)
	case n < 39:
		j.count("history 12-38", prompted, d.Risk)
	default:
		j.count("history 39+", prompted, d.Risk)
	}
	if t.Net != "" {
		j.count("by "+t.Net, prompted, d.Risk)
	}
	if t.Note != "" {
		j.count("on "+t.Note, prompted, d.Risk)
	}
}

func (j *judge) count(name string, prompted bool, risk float64) {
	g := j.groups[name]
	if g == nil {
		g = &group{}
		j.groups[name] = g
	}
	g.logins++
	if prompted {
		g.prompted++
	}
	g.risks = append(g.risks, risk)
}

func (j *judge) attack(it *simulate.Item, d *decision.Decision, raised, login bool) {
	key := it.Truth.Attack
	if it.Truth.Kind == simulate.Spray { // each account he gets into counts
		if it.Event.Session.GetId() == "" {
			return
		}
		key += it.Event.User.Id
	}
	c := j.attacks[key]
	if c == nil {
		c = &caught{kind: it.Truth.Kind}
		j.attacks[key] = c
	}
	c.events++
	c.worst = max(c.worst, d.Risk)
	if login {
		c.logins++
		c.worstLogin = max(c.worstLogin, d.Risk)
	}
	flagged := raised || d.Action != decision.Allow
	switch {
	case flagged && d.Rule == "" && c.at == 0:
		c.at, c.atLogin = c.events, login
	case flagged && d.Rule != "" && c.rule == 0:
		c.rule = c.events
	}
	if c.at == 0 && c.rule == 0 && it.Truth.Note == "deed" && it.Event.Outcome == "success" {
		c.deeds++
	}
}

func (j *judge) print(w io.Writer, userWeeks float64) {
	fmt.Fprintf(w, "honest people: %d prompts for risk, %.3f per user and week; %d prompts by rule; challenges: %d satisfied, %d denied, %d expired; duplicate %d, late %d, dead %d\n\n",
		j.prompts, float64(j.prompts)/userWeeks, j.rulePrompts, j.satisfied, j.denied, j.expired, j.duplicate, j.late, j.dead)
	totals := map[string]int{}
	for code, m := range j.causes {
		totals[code] = m[""]
	}
	for _, code := range byCount(totals) {
		fmt.Fprintf(w, "  %5d prompts mostly for %s:", totals[code], words(code))
		for _, odd := range byCount(j.causes[code])[1:] {
			fmt.Fprintf(w, " %s %d,", words(odd), j.causes[code][odd])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "honest\tnumber\tchallenged\tshare\trisk p50\tp90\tp97\tp99\t")
	for _, name := range slices.Sorted(maps.Keys(j.groups)) {
		g := j.groups[name]
		sort.Float64s(g.risks)
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f %%\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, g.logins, g.prompted, 100*float64(g.prompted)/float64(g.logins),
			quantile(g.risks, 0.5), quantile(g.risks, 0.9), quantile(g.risks, 0.97), quantile(g.risks, 0.99))
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t\t\t")
	fmt.Fprintln(t, "attacker\tattacks\tcaught by risk\tat login\tby 2nd event\tonly by rule\tmissed\tdeeds before\trisk p50\t")
	for _, kind := range simulate.Attackers() {
		var n, byRisk, atLogin, second, byRule, deeds int
		var worst []float64
		for _, c := range j.attacks {
			if c.kind != kind {
				continue
			}
			n++
			deeds += c.deeds
			worst = append(worst, c.worst)
			switch {
			case c.at > 0:
				byRisk++
				if c.atLogin {
					atLogin++
				}
				if c.at <= 2 {
					second++
				}
			case c.rule > 0:
				byRule++
			}
		}
		if n == 0 {
			continue
		}
		sort.Float64s(worst)
		share := func(k int) float64 { return 100 * float64(k) / float64(n) }
		fmt.Fprintf(t, "%s\t%d\t%.0f %%\t%.0f %%\t%.0f %%\t%.0f %%\t%.0f %%\t%.1f\t%.1f\t\n", kind, n, share(byRisk), share(atLogin), share(second), share(byRule), share(n-byRisk-byRule),
			float64(deeds)/float64(n), quantile(worst, 0.5))
	}
	_ = t.Flush()
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
