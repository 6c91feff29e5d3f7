package risk_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/decision"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	"github.com/riskd-io/riskd/pkg/risk/profile"
	"github.com/riskd-io/riskd/pkg/risk/score"
	"github.com/riskd-io/riskd/pkg/risk/signal"
)

// scene is one file of testdata/cases: a story of one user. testdata/cases/README.md says how to write one.
type scene struct {
	Story  string         `yaml:"story"`
	Policy map[string]any `yaml:"policy"`
	Kind   string         `yaml:"kind"`
	Events []step         `yaml:"events"`
	// Prompts is how many challenges the story raises, per session; "total" for all.
	Prompts map[string]int `yaml:"prompts"`
}

type step struct {
	Note    string            `yaml:"note"`
	At      string            `yaml:"at"`
	ID      string            `yaml:"id"`
	From    string            `yaml:"from"`
	On      string            `yaml:"on"`
	Do      string            `yaml:"do"`
	Session string            `yaml:"session"`
	Outcome string            `yaml:"outcome"`
	Count   uint32            `yaml:"count"`
	Bytes   uint64            `yaml:"bytes"`
	RTT     uint32            `yaml:"rtt_ms"`
	IP      string            `yaml:"ip"`
	Type    string            `yaml:"resource"`
	Sens    string            `yaml:"sensitivity"`
	ACR     string            `yaml:"acr"`
	AMR     []string          `yaml:"amr"`
	Auth    string            `yaml:"auth_time"`
	About   string            `yaml:"challenge"`
	Verdict string            `yaml:"verdict"`
	Author  string            `yaml:"author"`
	Result  string            `yaml:"result"`
	Attrs   map[string]string `yaml:"attributes"`
	Crowd   struct {
		FailedUsers uint32 `yaml:"failed_users"`
		Users       uint32 `yaml:"users"`
		Device      uint32 `yaml:"device_users"`
		Failures    uint32 `yaml:"failures"`
	} `yaml:"crowd"`
	Received string `yaml:"received"`
	Repeat   int    `yaml:"repeat"`
	Every    string `yaml:"every"`
	// Block is a list of steps to repeat as a whole, each first step a period after the one before.
	Block  []step `yaml:"block"`
	Expect expect `yaml:"expect"`
}

type expect struct {
	Status    string            `yaml:"status"`
	Action    string            `yaml:"action"`
	State     string            `yaml:"state"`
	Level     string            `yaml:"level"`
	Rule      *string           `yaml:"rule"`
	Risk      string            `yaml:"risk"`
	Travel    string            `yaml:"impossible_travel"`
	Device    string            `yaml:"new_device"`
	Deviation string            `yaml:"deviation"`
	Has       []string          `yaml:"has"`
	Lacks     []string          `yaml:"lacks"`
	Unknown   []string          `yaml:"unknown"`
	Detail    map[string]string `yaml:"detail"`
	Signals   []string          `yaml:"signals"`
	Scope     string            `yaml:"scope"`
}

type cast struct {
	Places map[string]struct {
		City, Country, IP, Org, Kind string
		Lat, Lon                     *float64
		Radius                       float64 `yaml:"radius_km"`
		ASN                          uint32
	}
	Devices map[string]struct {
		Token, Class, OS, Browser, Raw string
		Major                          uint32
	}
}

// load reads YAML and refuses keys it does not know.
func load(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestCases(t *testing.T) {
	var c cast
	load(t, "testdata/cast.yaml", &c)
	files, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("got %d case files (%v), want at least 60", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			var s scene
			load(t, f, &s)
			if s.Story == "" || len(s.Events) == 0 {
				t.Fatal("a case needs a story and events")
			}
			newStage(t, &c, &s).play()
		})
	}
}

// stage plays one scene.
type stage struct {
	t          *testing.T
	cast       *cast
	scene      *scene
	engine     *risk.Engine
	p          *profile.Profile
	start, now time.Time
	challenge  map[string]string // latest by session
	prompts    map[string]int
	serial     int
}

func newStage(t *testing.T, c *cast, s *scene) *stage {
	pol := policy.Default()
	if s.Policy != nil {
		// A policy is JSON; its YAML form is the same document.
		var err error
		if pol, err = policy.Parse(asJSON(t, s.Policy)); err != nil {
			t.Fatal(err)
		}
	}
	e, err := risk.New(pol, baseline.Default())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC) // a Monday
	return &stage{t: t, cast: c, scene: s, engine: e, p: &profile.Profile{}, start: start, now: start,
		challenge: map[string]string{}, prompts: map[string]int{}}
}

func (st *stage) play() {
	for i := range st.scene.Events {
		s := &st.scene.Events[i]
		st.now = st.when(s.At)
		from := st.now
		for n := range max(1, s.Repeat) {
			if n > 0 {
				st.now = from.Add(time.Duration(n) * st.duration(s.Every))
			}
			for j := range s.Block {
				if j > 0 {
					st.now = st.when(s.Block[j].At)
				}
				st.step(i, n, &s.Block[j])
			}
			if s.Block == nil {
				st.step(i, n, s)
			}
		}
	}
	for session, want := range st.scene.Prompts {
		if got := st.prompts[session]; got != want {
			st.t.Errorf("session %q: got %d prompts, want %d", session, got, want)
		}
	}
}

func (st *stage) step(i, n int, s *step) {
	st.t.Helper()
	st.serial++
	ev := st.event(s, n)
	var d decision.Decision
	st.engine.Step(st.p, &ev, &d)
	for k := range d.Signals {
		sg := &d.Signals[k]
		st.challenge[sg.Session] = sg.ChallengeID
		if sg.State == signal.Required && sg.Revision == 1 {
			st.prompts[sg.Session]++
			st.prompts["total"]++
		}
	}
	bad := st.check(&s.Expect, &d)
	bad = append(bad, st.invariants(&ev, &d)...)
	if len(bad) > 0 {
		st.t.Errorf("event %d.%d at %s (%s): %s\n%s", i+1, n+1, st.now.Format("Mon 15:04:05"), s.Note, strings.Join(bad, "; "), shown(&d))
	}
}

// invariants hold after every event of every case.
func (st *stage) invariants(ev *event.Event, d *decision.Decision) (bad []string) {
	if d.Status == decision.Scored {
		if got := score.RiskFromParts(d.Parts); got != d.Risk {
			bad = append(bad, fmt.Sprintf("parts give %v, decision says %v", got, d.Risk))
		}
	}
	data := st.p.AppendBinary(nil)
	var back profile.Profile
	if err := profile.Decode(data, &back); err != nil {
		return append(bad, err.Error())
	}
	if !bytes.Equal(back.AppendBinary(nil), data) {
		bad = append(bad, "decoding and encoding changes the profile")
	}
	*st.p = back // go on from what was stored, as a worker does
	if d.Status != decision.Scored {
		return bad
	}
	var again decision.Decision
	st.engine.Step(st.p, ev, &again)
	if again.Status != decision.Duplicate || !bytes.Equal(st.p.AppendBinary(nil), data) {
		bad = append(bad, "a duplicate changed something")
	}
	return bad
}
