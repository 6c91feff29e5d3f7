package rules

import (
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

// set judges by the rules of one file. It is a [policy.Judge].
type set struct {
	rules   []Rule
	hits    []decision.Hit // of each rule
	reasons map[string]string
	notes   map[string]Note // of rules that notify
	index   map[string]int
	lists   []*list
	digest  []byte
	// counters, and what the core needs of them.
	counters []*counter
	counted  []policy.Counter
	scenes   sync.Pool
}

func newSet(rules []Rule, l *language, digest []byte) *set {
	s := &set{rules: rules, index: l.index, lists: l.lists, digest: digest, counters: l.counters, reasons: map[string]string{}, notes: map[string]Note{}}
	for _, c := range l.counters {
		s.counted = append(s.counted, c.Counter)
	}
	for i := range rules {
		r := &rules[i]
		s.hits = append(s.hits, decision.Hit{
			Rule: r.Name, Effect: r.Effect, Shadow: r.Shadow, Level: r.Level, MaxAge: r.MaxAge, AMR: strings.Join(r.AMR, " "), Scope: r.Scope,
		})
		s.reasons[r.Name] = r.ReasonUser
		if r.Effect == decision.NotifyEffect {
			s.notes[r.Name] = Note{r.ReasonUser, r.ReasonAnalyst}
		}
	}
	s.scenes.New = func() any { return &scene{set: s, values: make([]ref.Val, len(facts)+len(l.lists)+len(l.counters))} }
	return s
}

// Note is what a rule that notifies has to say, to the user and to analysts.
type Note struct{ User, Analyst string }

// Digest implements [policy.Judge].
func (s *set) Digest() []byte { return s.digest }

// ReasonUser implements [policy.Judge].
func (s *set) ReasonUser(rule string) string { return s.reasons[rule] }

// Judge implements [policy.Judge].
func (s *set) Judge(f *policy.Facts, hits []decision.Hit) []decision.Hit {
	return s.judge(f, nil, hits)
}

// judge is Judge with facts that an example gives by hand.
func (s *set) judge(f *policy.Facts, given map[int]ref.Val, hits []decision.Hit) []decision.Hit {
	sc := s.scenes.Get().(*scene)
	sc.begin(f, given)
	for i := range s.rules {
		applies, err := sc.holds(s.rules[i].condition)
		if err != nil {
			// Such as a division by zero. The rule does not apply, and the decision says so.
			hits = append(hits, decision.Hit{Rule: s.rules[i].Name, Effect: decision.FailedEffect, Shadow: true})
			continue
		}
		if !applies {
			continue
		}
		h := s.hits[i]
		h.Shadow = h.Shadow || !s.reached(i, f)
		hits = append(hits, h)
	}
	sc.end()
	s.scenes.Put(sc)
	return hits
}

// reached tells whether a rule's rollout has come to a user. Those reached stay so as the share grows.
func (s *set) reached(i int, f *policy.Facts) bool {
	r := &s.rules[i]
	if r.Rollout >= 100 {
		return true
	}
	h := profile.HashPair(r.Name, f.Event.Tenant+"\x00"+f.Event.User.ID)
	return float64(h%10_000) < r.Rollout*100
}

// scene gives one event's facts to conditions, each made once when first asked for.
type scene struct {
	set    *set
	facts  *policy.Facts
	values []ref.Val
	// frame is the interpreter's, once it was needed.
	frame *interpreter.ExecutionFrame
	// given tells that an example gives facts by hand, which only values knows.
	given bool
	// unsure is set by a condition in Go that must not be believed.
	unsure bool
}

// begin takes an event's facts, and those that an example gives by hand.
func (sc *scene) begin(f *policy.Facts, given map[int]ref.Val) {
	sc.facts, sc.given = f, len(given) > 0
	for i, v := range given {
		sc.values[i] = v
	}
}

func (sc *scene) end() {
	sc.facts = nil
	if sc.frame != nil || sc.given {
		clear(sc.values)
	}
	if sc.frame != nil {
		sc.frame.Close()
		sc.frame = nil
	}
}

// holds tells whether a condition applies. The error is CEL's.
func (sc *scene) holds(c *condition) (bool, error) {
	if c.native != nil && !sc.given {
		sc.unsure = false
		if applies := c.native(sc); !sc.unsure {
			return applies, nil
		}
	}
	return sc.interpret(c)
}

// interpret is holds by CEL's own interpreter.
func (sc *scene) interpret(c *condition) (bool, error) {
	if sc.frame == nil {
		frame, err := interpreter.NewExecutionFrame(sc)
		if err != nil {
			return false, err
		}
		sc.frame = frame
	}
	out, _, err := c.program.Eval(sc.frame)
	return err == nil && out == types.True, err
}

// ResolveName implements [interpreter.Activation].
func (sc *scene) ResolveName(name string) (any, bool) {
	i, ok := sc.set.index[name]
	if !ok {
		return nil, false
	}
	return sc.value(i), true
}

func (sc *scene) value(i int) ref.Val {
	v := sc.values[i]
	if v == nil {
		switch n := len(facts) + len(sc.set.lists); {
		case i < len(facts):
			v = facts[i].get(sc.facts)
		case i >= n:
			v = types.Int(min(sc.facts.Counters[i-n], 1<<62))
		default:
			l := sc.set.lists[i-len(facts)]
			v = listed{l.texts, l, sc.facts}
		}
		sc.values[i] = v
	}
	return v
}

// Parent implements [interpreter.Activation].
func (sc *scene) Parent() interpreter.Activation { return nil }

// direct replaces a name in a compiled condition by its place in the scene: looking names up is half the cost.
func (l *language) direct(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	attr, ok := i.(interpreter.InterpretableAttribute)
	if !ok {
		return i, nil
	}
	named, ok := attr.Attr().(interpreter.NamespacedAttribute)
	if !ok || len(named.CandidateVariableNames()) != 1 || len(named.Qualifiers()) > 0 {
		return i, nil
	}
	at, ok := l.index[named.CandidateVariableNames()[0]]
	if !ok {
		return i, nil
	}
	return &place{InterpretableAttribute: attr, at: at}, nil
}

// place is a name whose place in the scene is known.
type place struct {
	interpreter.InterpretableAttribute
	at int
	// qualified tells that an index follows, as in event.attributes["role"]: that takes the long way.
	qualified bool
}

// Exec implements [interpreter.InterpretableV2].
func (p *place) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	if sc, ok := frame.Scope().(*scene); ok && !p.qualified {
		return sc.value(p.at)
	}
	return p.InterpretableAttribute.Exec(frame)
}

// AddQualifier implements [interpreter.InterpretableAttribute].
func (p *place) AddQualifier(q interpreter.Qualifier) (interpreter.Attribute, error) {
	p.qualified = true
	return p.InterpretableAttribute.AddQualifier(q)
}
