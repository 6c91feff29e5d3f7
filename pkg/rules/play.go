package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types/ref"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/wire"
)

// Result of one example.
type Result struct {
	Name string
	Line int
	// Faults are empty when it passed.
	Faults []Problem
	// Hit are the rules that applied in it, shadow ones included.
	Hit []string
}

// Test plays the file's examples through the real engine.
func (f *File) Test() ([]Result, error) {
	enricher, err := enrich.New(enrich.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("preparing examples: %w", err)
	}
	out := make([]Result, len(f.Tests))
	for i := range f.Tests {
		p := &play{file: f, test: &f.Tests[i], enricher: enricher, now: start, challenges: map[string]string{}}
		if out[i], err = p.run(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Passes plays the examples, and returns what failed in them.
func (f *File) Passes() error {
	results, err := f.Test()
	if err != nil {
		return err
	}
	var out Problems
	for _, r := range results {
		for _, p := range r.Faults {
			out = append(out, Problem{p.Line, "test failed", r.Name + ": " + p.Text})
		}
	}
	if len(out) > 0 {
		return out
	}
	return nil
}

// play is one example being played.
type play struct {
	file       *File
	test       *Example
	enricher   *enrich.Enricher
	engine     *risk.Engine
	judge      *byHand
	now        time.Time
	profile    profile.Profile
	ev         event.Event
	d          decision.Decision
	challenges map[string]string // the last of each session
	serial     int
	result     Result
}

// byHand judges with facts given by hand.
type byHand struct {
	*set
	given map[int]ref.Val
}

func (b *byHand) Judge(f *policy.Facts, hits []decision.Hit) []decision.Hit {
	return b.judge(f, b.given, hits)
}

func (p *play) run() (Result, error) {
	p.result = Result{Name: p.test.Name, Line: p.test.line}
	pol := p.file.Policy
	if p.file.set != nil {
		p.judge = &byHand{set: p.file.set}
		var err error
		if pol, err = pol.WithoutRules().WithRules(p.judge); err != nil {
			return Result{}, fmt.Errorf("preparing examples: %w", err)
		}
	}
	var err error
	if p.engine, err = risk.New(pol, baseline.Default()); err != nil {
		return Result{}, fmt.Errorf("preparing examples: %w", err)
	}
	for i := range p.test.Steps {
		s := &p.test.Steps[i]
		if err := p.step(s, i); err != nil {
			p.fault(s, "%v", err)
			break
		}
	}
	slices.Sort(p.result.Hit)
	p.result.Hit = slices.Compact(p.result.Hit)
	return p.result, nil
}

func (p *play) fault(s *Step, format string, a ...any) {
	p.result.Faults = append(p.result.Faults, Problem{Line: s.line, Text: fmt.Sprintf(format, a...)})
}

func duration(text string, otherwise time.Duration) time.Duration {
	n, err := seconds(text)
	if err != nil { // checked when the file was read, but for ""
		return otherwise
	}
	return time.Duration(n) * time.Second
}

func (p *play) step(s *Step, index int) error {
	if p.judge != nil {
		p.judge.given = map[int]ref.Val{}
		for name, v := range s.Given {
			i, value, err := given(name, v)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			p.judge.given[i] = value
		}
	}
	if index > 0 || s.After != "" {
		p.now = p.now.Add(duration(s.After, time.Second))
	}
	for n := range max(1, s.Repeat) {
		if n > 0 {
			p.now = p.now.Add(duration(s.Every, time.Minute))
		}
		if err := p.send(s); err != nil {
			return err
		}
	}
	if s.Expect != nil {
		p.compare(s)
	}
	return nil
}

func (p *play) send(s *Step) error {
	p.serial++
	ev := merge(merge(map[string]any{
		"source": "//test/app", "type": "activity", "outcome": "success", "tenant_id": "test",
		"user": map[string]any{"id": "ann"}, "session": map[string]any{"id": "s1"},
	}, p.test.Base), s.Event)
	ev["id"], ev["time"] = fmt.Sprintf("event-%d", p.serial), p.now.Format(time.RFC3339)
	kind, _ := ev["type"].(string)
	if !strings.Contains(kind, "riskd") {
		ev["type"] = "dev.riskd." + kind + ".v1"
	}
	session, _ := ev["session"].(map[string]any)
	id, _ := session["id"].(string)
	if s.Proof != "" && session != nil {
		session["auth_time"] = p.now.Add(-duration(s.Proof, 0)).Format(time.RFC3339)
	}
	if strings.HasPrefix(kind, "stepup.") && ev["challenge_id"] == nil {
		if p.challenges[id] == "" {
			return errors.New("the session has no challenge to answer")
		}
		ev["challenge_id"] = p.challenges[id]
	}
	if kind != "activity" {
		ev["action"] = kind // as apps report it
	}
	line, err := json.Marshal(ev)
	if err != nil {
		return fmt.Errorf("writing the event: %w", err)
	}
	pb, err := wire.DecodeJSON(line)
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if err := wire.ToEvent(pb, p.enricher.Enrich(pb, pb.TimeMs), &p.ev); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	p.engine.Step(&p.profile, &p.ev, &p.d)
	for i := range p.d.Signals {
		p.challenges[p.d.Signals[i].Session] = p.d.Signals[i].ChallengeID
	}
	for i := range p.d.Hits {
		p.result.Hit = append(p.result.Hit, p.d.Hits[i].Rule)
	}
	return nil
}

// merge lays over upon under, objects key by key.
func merge(under, over map[string]any) map[string]any {
	out := maps.Clone(under)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range over {
		a, both := out[k].(map[string]any)
		b, too := v.(map[string]any)
		switch {
		case both && too:
			out[k] = merge(a, b)
		case too:
			out[k] = merge(nil, b)
		default:
			out[k] = v
		}
	}
	for k, v := range out { // what is changed later must not be another step's
		if m, ok := v.(map[string]any); ok {
			out[k] = maps.Clone(m)
		}
	}
	return out
}
