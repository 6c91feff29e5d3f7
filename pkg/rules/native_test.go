package rules

import (
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

// terms are what expressions of a type are made of; a type's name in braces is another expression of it. The first list is leaves.
var terms = map[string][2][]string{
	"text": {
		{`event.action`, `user.id`, `network.ip`, `resource.sensitivity`, `network.kind`, `event.attributes["role"]`, `session.state`, `"ann"`, `"admin"`, `""`, `"r"`, `"é"`},
		{`event.attributes[{text}]`, `({truth} ? {text} : {text})`},
	},
	"whole": {
		{"event.count", "event.bytes", "profile.events", "session.proof_age", "crowd.ip_users", "counters.many", "0", "1", "-1", "7",
			"9223372036854775807", "-9223372036854775808", "4611686018427387904", "3037000500"},
		{"({whole} + {whole})", "({whole} - {whole})", "({whole} * {whole})", "({whole} / {whole})", "({whole} % {whole})", "(-({whole}))", "size({text})",
			"size(unknown)", "({truth} ? {whole} : {whole})"},
	},
	"real": {
		{"risk", "profile.idle_days", "parts.burst", "scores.deviation", "0.0", "-0.0", "1.5", "1e308", "5e-324"},
		{"({real} + {real})", "({real} - {real})", "({real} * {real})", "({real} / {real})", "(-({real}))", "double({whole})", "({truth} ? {real} : {real})"},
	},
	"truth": {
		{"session.new", "profile.device_known", "true", "false", `(network.ip in lists.office)`, `(user.id in lists.some)`, `(user.id in lists.away)`, `("role" in event.attributes)`},
		{"({truth} && {truth})", "({truth} || {truth})", "(!({truth}))", "({truth} == {truth})", "({truth} != {truth})", "({truth} ? {truth} : {truth})",
			"({text} {order} {text})", "({whole} {order} {whole})", "({real} {order} {real})", "({whole} {order} {whole})", "({real} {order} {real})",
			"{text}.startsWith({text})", "{text}.endsWith({text})", "{text}.contains({text})", `({text} in ["ann", "admin", ""])`, "({whole} in [0, 1, -7])",
			"({text} in unknown)", "({text} in session.amr)", "({text} in lists.office)", "({text} in lists.some)", "({text} in lists.away)", "unknown.exists(x, x == {text})"},
	},
	"order": {{"==", "!=", "<", "<=", ">", ">="}, nil},
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// drawTerm writes an expression of a type, with what can fail in it.
func drawTerm(t *rapid.T, typ string, depth int) string {
	of := terms[typ]
	from := of[1]
	if depth <= 0 || len(from) == 0 || rapid.IntRange(0, 4).Draw(t, "leaf") == 0 {
		from = of[0]
	}
	return placeholder.ReplaceAllStringFunc(rapid.SampledFrom(from).Draw(t, typ), func(name string) string { return drawTerm(t, name[1:len(name)-1], depth-1) })
}

func drawFacts(t *rapid.T) *policy.Facts {
	f := benchFacts()
	number := rapid.SampledFrom([]float64{0, 1, 30.5, -2, 1e308, math.Inf(1), math.NaN()})
	word := rapid.SampledFrom([]string{"", "ann", "admin", "r", "role", "auth.login", "é"})
	f.Event.User.ID, f.Event.Action, f.Event.Session.AMR = word.Draw(t, "user"), word.Draw(t, "action"), []string{word.Draw(t, "amr")}
	f.Event.Count, f.Event.Bytes = rapid.Uint32().Draw(t, "count"), rapid.Uint64().Draw(t, "bytes")
	f.Event.Network.IP = rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("::ffff:192.0.2.9"), netip.MustParseAddr("fe80::1%eth0"),
		netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("203.0.113.1")}).Draw(t, "ip")
	f.Event.Network.Place.Country = rapid.SampledFrom([]string{"", "JP"}).Draw(t, "country")
	for range rapid.IntRange(0, 3).Draw(t, "attributes") {
		f.Event.Attributes = append(f.Event.Attributes, event.Attribute{Key: word.Draw(t, "key"), Value: word.Draw(t, "value")})
	}
	f.Decision.Risk, f.Profile.IdleDays, f.Decision.Scores.Deviation = number.Draw(t, "risk"), number.Draw(t, "idle"), number.Draw(t, "deviation")
	f.Decision.Parts = append(f.Decision.Parts, decision.Part{Code: "burst", Nats: number.Draw(t, "burst")})
	f.Decision.Unknown = []string{word.Draw(t, "unknown")}
	f.Session.New, f.Session.ProofAge = rapid.Bool().Draw(t, "new"), rapid.Int64().Draw(t, "proof age")
	f.Counters = []uint64{rapid.Uint64().Draw(t, "counter")}
	return f
}

const nativeLists = "lists:\n  office: {networks: [192.0.2.0/24, \"2001:db8::/32\", \"fe80::/10\"]}\n  some: {values: [ann, admin]}\n" +
	"  away: {trips: [{user: ann, country: JP, from: 2026-09-01, until: 2026-09-30}]}\ncounters:\n  many: {when: 'true', window: 1h}\n"

// agree fails unless a file's conditions in Go and CEL's interpreter say the same of an event; it counts the conditions in Go.
func agree(t interface{ Fatalf(string, ...any) }, f *File, facts *policy.Facts) (native, failing int) {
	sc := f.set.scenes.Get().(*scene)
	sc.begin(facts, nil)
	for i := range f.set.rules {
		c := f.set.rules[i].condition
		want, wantErr := sc.interpret(c)
		got, gotErr := sc.holds(c)
		if got != want || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
			t.Fatalf("%s\nin Go %v (%v), interpreted %v (%v)", f.Rules[i].When, got, gotErr, want, wantErr)
		}
		if c.native != nil {
			native++
		}
		if wantErr != nil {
			failing++
		}
	}
	sc.end()
	f.set.scenes.Put(sc)
	return native, failing
}

func TestConditionsInGoSayWhatCELSays(t *testing.T) {
	native, failing, all := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		when := drawTerm(t, "truth", 4)
		f, err := Parse([]byte(withLists(when)))
		if err != nil {
			if !strings.Contains(err.Error(), "too costly") && !strings.Contains(err.Error(), "too long") && !strings.Contains(err.Error(), "want a condition") {
				t.Fatalf("%v\n%s", err, when)
			}
			return
		}
		for range 8 {
			n, bad := agree(t, f, drawFacts(t))
			all, native, failing = all+1, native+n, failing+bad
		}
	})
	if native < all/2 || failing == 0 {
		t.Errorf("of %d evaluations %d in Go, %d failing: too few to say anything", all, native, failing)
	}
}

func withLists(when string) string {
	return "id: x\n" + nativeLists + "rules:\n  - {name: r, then: notify, when: '" + when + "'}\n"
}

// Whatever people are likely to write is judged in Go.
func TestRulesAsPeopleWriteThemAreAllInGo(t *testing.T) {
	files := []*File{twentyRules(t)}
	packs, err := filepath.Glob("../../deploy/policies/*.yaml")
	if err != nil || len(packs) < 8 {
		t.Fatalf("%d starter packs, %v", len(packs), err)
	}
	for _, name := range packs {
		read, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, read...)
	}
	for _, f := range files {
		for i := range f.Rules {
			if f.set.rules[i].condition.native == nil {
				t.Errorf("%s: %s is left to the interpreter: %s", f.Policy.ID, f.Rules[i].Name, f.Rules[i].When)
			}
		}
		rapid.Check(t, func(t *rapid.T) { agreeIfJudged(t, f) })
	}
}

func agreeIfJudged(t *rapid.T, f *File) {
	if f.set != nil {
		facts := drawFacts(t)
		for len(facts.Counters) < len(f.set.counted) {
			facts.Counters = append(facts.Counters, 1)
		}
		agree(t, f, facts)
	}
}
