package laboratory

import (
	"math"
	"slices"

	"github.com/riskd-io/riskd/pkg/simulate"
)

// Steps are the events of an attack by which a step-up is looked for.
var Steps = []int{1, 2, 5, 20}

// SessionKinds are the attackers whose way through a session is measured, those of logins included:
// there the first event is mostly the login.
var SessionKinds = append(slices.Clone(LoginAttackers), simulate.Stolen, simulate.Insider, simulate.Poisoner, simulate.Spray)

// insiderBudget is the share of honest sessions that may be challenged to find insiders.
const insiderBudget = 0.01

// Pursuit says how attacks of one kind went. Shares are of all attacks; times and actions count an attack
// never stepped up as infinite.
type Pursuit struct {
	Kind    simulate.Kind
	Attacks int
	// By is the share stepped up for risk by each of [Steps].
	By []float64
	// AtLogin, Rule and Never: stepped up for risk at a login; only by a rule that asks anybody; not at all.
	AtLogin, Rule, Never float64
	// Actions and Seconds from the take-over to the step-up; Logins until then, median.
	Actions, ActionsP95, Seconds, SecondsP95, Logins float64
	// Deeds done before any flag, mean, and the share of attacks with at least one.
	Deeds, Robbed float64
}

// Pursuit works out how one kind of attacks went; those that keep leaves out do not count. nil keeps all.
func (s *Sessions) Pursuit(kind simulate.Kind, keep func(*Takeover) bool) Pursuit {
	p := Pursuit{Kind: kind, By: make([]float64, len(Steps))}
	var actions, seconds, logins []float64
	for _, c := range s.Attacks {
		if c.Kind != kind || keep != nil && !keep(c) {
			continue
		}
		p.Attacks++
		p.Deeds += float64(c.Deeds)
		if c.Deeds > 0 {
			p.Robbed++
		}
		for i, n := range Steps {
			if c.At > 0 && c.At <= n {
				p.By[i]++
			}
		}
		switch {
		case c.At > 0:
			actions, seconds, logins = append(actions, float64(c.At)), append(seconds, c.Seconds), append(logins, float64(c.AtLogins))
			if c.AtLogin {
				p.AtLogin++
			}
			continue
		case c.Rule > 0:
			p.Rule++
		default:
			p.Never++
		}
		actions, seconds, logins = append(actions, math.Inf(1)), append(seconds, math.Inf(1)), append(logins, math.Inf(1))
	}
	n := float64(p.Attacks)
	for _, share := range []*float64{&p.AtLogin, &p.Rule, &p.Never, &p.Deeds, &p.Robbed} {
		*share /= n
	}
	for i := range p.By {
		p.By[i] /= n
	}
	slices.Sort(actions)
	slices.Sort(seconds)
	slices.Sort(logins)
	p.Actions, p.ActionsP95 = quantile(actions, 0.5), quantile(actions, 0.95)
	p.Seconds, p.SecondsP95 = quantile(seconds, 0.5), quantile(seconds, 0.95)
	p.Logins = quantile(logins, 0.5)
	return p
}

// Friction is what the honest pay in one world.
type Friction struct {
	// Logins and the share of them that were challenged for risk.
	Logins     int
	Challenged float64
	// Sessions and the share with a risk at or above the policy's threshold at any time.
	Sessions int
	// Prompts for risk per person and week: mean, and the 95th percentile over people.
	PerWeek, PerWeekP95 float64
	// Hours that sessions lasted, pauses of more than eight left out, and step-ups for risk in 100 of them: at any time, in mid-session only, and of
	// these the ones for a change of surroundings, not for deeds.
	Hours, Per100Hours, MidPer100Hours, ChangePer100Hours float64
	// WorkHours of these, without pauses of more than half an hour, and mid-session step-ups in 100 of them.
	WorkHours, MidPer100WorkHours float64
}

// Friction works out what the honest paid in so many weeks.
func (s *Sessions) Friction(weeks float64) Friction {
	f := Friction{Sessions: len(s.Worst), Hours: s.Hours, WorkHours: s.WorkHours}
	if all := s.Sorts["all logins"]; all != nil {
		f.Logins, f.Challenged = all.Events, float64(all.Prompted)/float64(all.Events)
	}
	sum := 0.0
	prompts := make([]float64, len(s.PerUser))
	for i, n := range s.PerUser {
		prompts[i] = float64(n)
		sum += float64(n)
	}
	f.PerWeek = sum / float64(len(prompts)) / weeks
	f.PerWeekP95 = quantile(prompts, 0.95) / weeks
	f.Per100Hours = 100 * float64(s.Prompts) / f.Hours
	f.MidPer100Hours = 100 * float64(s.MidSession) / f.Hours
	f.ChangePer100Hours = 100 * float64(s.MidSession-s.MidDeeds) / f.Hours
	f.MidPer100WorkHours = 100 * float64(s.MidSession) / f.WorkHours
	return f
}

// AtBudget is the share of attacks of a kind whose risk reaches, within the first actions, the level that only the
// share budget of honest sessions ever reaches; and that level. Deeds the same by the evidence from what was done
// alone, which no trip and no VPN uses up.
func (s *Sessions) AtBudget(kind simulate.Kind, budget float64, actions int) (share, level, deeds float64) {
	level = math.Nextafter(quantile(s.Worst, 1-budget), 101)
	nats := math.Nextafter(quantile(s.WorstDeeds, 1-budget), 101)
	reach := func(list []float64, limit float64) float64 {
		if slices.ContainsFunc(list[:min(actions, len(list))], func(v float64) bool { return v >= limit }) {
			return 1
		}
		return 0
	}
	n := 0.0
	for _, c := range s.Attacks {
		if c.Kind == kind {
			n++
			share += reach(c.Risks, level)
			deeds += reach(c.DeedNats, nats)
		}
	}
	return share / n, level, deeds / n
}

// Pool adds up what several worlds have shown.
func Pool(all ...*Sessions) *Sessions {
	out := newSessions()
	for _, s := range all {
		out.Events += s.Events
		out.Attacks = append(out.Attacks, s.Attacks...)
		out.Prompts += s.Prompts
		out.MidSession += s.MidSession
		out.MidDeeds += s.MidDeeds
		out.RulePrompts += s.RulePrompts
		out.Hours += s.Hours
		out.WorkHours += s.WorkHours
		out.Worst = append(out.Worst, s.Worst...)
		out.WorstDeeds = append(out.WorstDeeds, s.WorstDeeds...)
		out.PerUser = append(out.PerUser, s.PerUser...)
		for name, g := range s.Sorts {
			to := out.Sorts[name]
			if to == nil {
				to = &Sort{}
				out.Sorts[name] = to
			}
			to.Events += g.Events
			to.Prompted += g.Prompted
		}
	}
	slices.Sort(out.Worst)
	slices.Sort(out.WorstDeeds)
	slices.Sort(out.PerUser)
	return out
}

// quantile of an ascending list; 0 of an empty one.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
