package baseline_test

import (
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/profile"
)

func TestTheDefaultKnowsCommonThings(t *testing.T) {
	t.Parallel()
	b := baseline.Default()
	us, li := b.Network(0, profile.Country("US")), b.Network(0, profile.Country("LI"))
	if us < 0.05 || li <= 0 || li > us/50 {
		t.Errorf("got %v for a big country and %v for a small one", us, li)
	}
	phone, ios := profile.Hash32("phone"), profile.Hash32("iOS")
	if got := b.Agent(1, phone, ios); got < 0.2 {
		t.Errorf("iOS among phones: got %v", got)
	}
	if got := b.Agent(1, profile.Hash32("desktop"), profile.Hash32("TempleOS")); got > 0.02 || got <= 0 {
		t.Errorf("a system nobody uses: got %v", got)
	}
	if b.Action(profile.Hash32("resource.read")) < b.Action(profile.Hash32("role.grant")) {
		t.Error("granting roles is commoner than reading")
	}
	sum := 0.0
	for h := range 24 {
		sum += b.Hour(false, h)
	}
	if sum < 0.999 || sum > 1.001 {
		t.Errorf("hours of a day add up to %v", sum)
	}
	if b.Hour(false, 3) > b.Hour(false, 10) {
		t.Error("the night is busier than the morning")
	}
}

func TestEveryShareIsUsable(t *testing.T) {
	t.Parallel()
	b := baseline.Default()
	for a := byte('A'); a <= 'Z'; a++ {
		for c := byte('A'); c <= 'Z'; c++ {
			if v := b.Network(0, profile.Country(string([]byte{a, c}))); !(v > 0 && v < 1) {
				t.Fatalf("%c%c: got %v", a, c, v)
			}
		}
	}
}

func TestFaultsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ doc, want string }{
		"unknown key":  {`{"versoin":"1"}`, `unknown field "versoin"`},
		"no version":   {`{}`, "version is missing"},
		"bad country":  {`{"version":"1","countries":{"Germany":0.1}}`, `"Germany" is not an ISO`},
		"share of two": {`{"version":"1","countries":{"DE":2}}`, "countries: DE is 2"},
		"short day":    {`{"version":"1","weekday_hours":[1]}`, "1 values, want 24"},
	} {
		if _, err := baseline.Parse([]byte(c.doc)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":"1","asns":{"64500":0.5}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := baseline.Parse(data); err == nil && b.Version() == "" {
			t.Fatal("a parsed baseline has no version")
		}
	})
}
