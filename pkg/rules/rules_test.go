package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/risk"
	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/risk/policy"
)

func mustParse(t testing.TB, text string) *File {
	t.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const small = `
id: small
thresholds: {step_up: 45}
friction: {cool_down: 30m}
lists:
  office: {networks: [192.0.2.0/24, "2001:db8::/32", 198.51.100.7]}
  vips: {values: [ann]}
  away: {trips: [{user: ann, country: JP, from: 2026-09-07, until: 2026-09-08}]}
rules:
  - name: export_outside
    when: event.action == "resource.export" && !(network.ip in lists.office)
    then: {step_up: {acr: aal3, max_age: 10m}}
    reason: {user: "Exports need your key.", analyst: Export from outside the office.}
  - name: travelling
    when: user.id in lists.away
    then: allow
  - name: vip_watch
    when: user.id in lists.vips && risk >= 0.0
    then: notify
    mode: shadow
tests:
  - name: an export at home is questioned
    steps:
      - event: {action: resource.export, network: {ip: 203.0.113.9}}
        expect: {action: step_up, rule: export_outside, hits: [export_outside], shadow: [vip_watch], reason: Exports need your key.}
      - event: {type: stepup.completed, session: {acr: aal3, amr: [hwk, user]}}
        proof: 0s
        expect: {action: allow, state: satisfied}
      - event: {action: resource.export, network: {ip: 203.0.113.9}}
        expect: {action: allow, hits: [export_outside]}
      - event: {action: resource.export, network: {ip: 203.0.113.9}}
        after: 11m
        expect: {action: step_up, rule: export_outside}
  - name: an export in the office is not
    steps:
      - event: {action: resource.export, network: {ip: 192.0.2.77}}
        expect: {action: allow, hits: []}
      - event: {action: resource.export, network: {ip: "2001:db8:1::1"}}
        expect: {action: allow, hits: []}
      - event: {action: resource.export, network: {ip: 198.51.100.8}}
        expect: {action: step_up}
  - name: a trip counts where and when it was announced
    base: {action: auth.login}
    steps:
      - event: {network: {geo: {lat: 35.6, lon: 139.7, country: JP}}}
        expect: {hits: [travelling]}
      - event: {network: {geo: {lat: 48.8, lon: 2.3, country: FR}}}
        expect: {hits: []}
      - event: {network: {geo: {lat: 35.6, lon: 139.7, country: JP}}}
        after: 2d
        expect: {hits: []}
`

func TestAFileHoldsSettingsRulesListsAndTheirTests(t *testing.T) {
	f := mustParse(t, small)
	if got := f.Policy.Thresholds.StepUp; got != 45 {
		t.Errorf("threshold: got %v, want 45", got)
	}
	if got := f.Policy.Friction.CoolDown; got != 1800 {
		t.Errorf("cool-down: got %d s, want 1800", got)
	}
	pass(t, f)
}

func pass(t *testing.T, f *File) {
	t.Helper()
	results, err := f.Test()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		for _, p := range r.Faults {
			t.Errorf("%s: %s", r.Name, p)
		}
	}
}

// What rules want of each other, of the settings and of risk.
func TestHowRulesGoTogether(t *testing.T) {
	pass(t, mustParse(t, `
id: together
thresholds: {step_up: 50, severe: 90}
lists: {office: {networks: [192.0.2.0/24]}}
rules:
  - {name: key_only, when: 'event.action == "vault.open"', then: {step_up: {acr: aal2, amr: [hwk], max_age: 10m}}, reason: {user: Touch your key.}}
  - {name: strong, when: 'event.action in ["vault.open", "vault.drop"] && event.count > 5', then: {step_up: {acr: aal3}}}
  - {name: office, when: 'network.ip in lists.office', then: allow}
  - {name: nobody, when: 'event.action == "vault.burn"', then: deny, reason: {user: This is not possible.}}
  - {name: tried, when: 'event.action.startsWith("vault.")', then: deny, mode: shadow}
tests:
  - name: methods are asked for though the level was proven otherwise
    base: {action: vault.open}
    steps:
      - {event: {action: auth.login, session: {acr: aal2, amr: [pwd, otp]}}, proof: 0s, expect: {action: allow, hits: []}}
      - {expect: {action: step_up, rule: key_only, reason: Touch your key., shadow: [tried]}}
      - {event: {type: stepup.completed, session: {acr: aal2, amr: [pwd, otp]}}, proof: 0s, expect: {action: step_up, rule: weak_amr}}
      - {event: {type: stepup.completed, session: {acr: aal2, amr: [hwk]}}, proof: 0s, expect: {action: allow, state: satisfied}}
      - {after: 9m, expect: {action: allow, hits: [key_only]}}
      - {after: 2m, expect: {action: step_up, rule: key_only}}
  - name: an open challenge grows with what a later event wants
    steps:
      - {event: {action: vault.open}, expect: {action: step_up, rule: key_only}}
      - {event: {action: vault.drop, count: 9}, expect: {action: step_up}}
      - {event: {type: stepup.completed, session: {acr: aal2, amr: [hwk]}}, proof: 0s, expect: {action: step_up, rule: weak_acr}}
      - {event: {type: stepup.completed, session: {acr: aal3, amr: [hwk, user]}}, proof: 0s, expect: {action: allow, state: satisfied}}
  - name: to allow lifts what risk alone would ask, and nothing else
    base: {network: {ip: 192.0.2.9}}
    steps:
      - {event: {action: vault.open}, expect: {action: step_up, hits: [key_only, office]}}
      - {event: {action: role.grant, session: {id: s2}}, expect: {action: step_up, rule: critical_action, hits: [office]}}
  - name: a denial shuts the session for good, and only that session
    steps:
      - {event: {action: vault.burn}, expect: {action: deny, state: denied, rule: nobody, reason: This is not possible.}}
      - {event: {action: page.open}, expect: {action: deny, state: denied}}
      - {event: {action: page.open, session: {id: s2}}, expect: {action: allow}}
  - name: guesses of others do not shut anything
    steps:
      - {event: {action: auth.login, outcome: failure}, given: {event.action: vault.burn}, expect: {action: allow, hits: [nobody]}}
  - name: a machine is not asked, but can be shut out
    base: {user: {kind: service}}
    steps:
      - {event: {action: vault.open}, expect: {action: allow, hits: [key_only]}}
      - {event: {action: vault.burn}, expect: {action: deny, rule: nobody}}
`))
}

// A challenge was passed a minute ago, the budget is spent, a rule allows: what is severe asks again all the same.
func TestSevereEvidenceSaysWhatItOverrode(t *testing.T) {
	pass(t, mustParse(t, `
id: severe
thresholds: {medium: 5, step_up: 10, severe: 15}
learning: {below: 5}
friction: {cool_down: 10d, prompts: 1}
rules: [{name: fine, when: 'true', then: allow}]
tests:
  - name: far away after a passed challenge
    base: {action: page.open, network: {geo: {lat: 51.5, lon: -0.12, accuracy_km: 10, country: GB}, asn: 64500}, device: {id: laptop}}
    steps:
      - {event: {action: auth.login}}
      - {event: {action: apikey.create}, after: 5m, expect: {action: step_up, rule: critical_action}}
      - {event: {type: stepup.completed, session: {acr: aal2, amr: [pwd, otp]}}, proof: 0s, expect: {state: satisfied}}
      - event: {network: {geo: {lat: 35.68, lon: 139.69, country: JP}, asn: 64501, kind: hosting}, device: {id: other}}
        after: 1m
        expect: {action: step_up, rule: severe_override, hits: [fine]}
`))
}

func TestTheVersionNamesWhatDecidesAndNothingElse(t *testing.T) {
	version := func(text string) string { return mustParse(t, text).Policy.Version() }
	base := version(small)
	if got := version("# a remark\n" + small); got != base {
		t.Errorf("a comment changed the version from %s to %s", base, got)
	}
	for _, change := range [][2]string{
		{"max_age: 10m", "max_age: 11m"}, {"mode: shadow", "mode: enforce"}, {"198.51.100.7", "198.51.100.8"}, {"step_up: 45", "step_up: 46"},
		{"Exports need", "Export needs"}, {"until: 2026-09-08", "until: 2026-09-09"}, {`"resource.export" &&`, `"resource.exports" &&`},
	} {
		changed := strings.Replace(small, change[0], change[1], 1)
		if got := version(changed[:strings.Index(changed, "tests:")]); got == base {
			t.Errorf("%s for %s left the version at %s", change[1], change[0], got)
		}
	}
}

func TestAPolicyWithoutRulesIsThatOfPackagePolicy(t *testing.T) {
	f := mustParse(t, `{"id": "plain", "thresholds": {"medium": 20, "step_up": 45, "severe": 90, "on_severe": "step_up"}}`)
	p, err := policy.Parse([]byte(`{"id": "plain", "thresholds": {"step_up": 45}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Policy.Version(), p.Version(); got != want {
		t.Errorf("version: got %s, want %s", got, want)
	}
}

func TestStarterPacksPassTheirOwnTests(t *testing.T) {
	files, err := filepath.Glob("../../deploy/policies/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("got %d files (%v), want at least 8", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f := mustParse(t, string(data))
			pass(t, f)
			if w := f.Lint(); len(w) > 0 {
				t.Errorf("lint: %v", w)
			}
			if _, err := risk.New(f.Policy, baseline.Default()); err != nil {
				t.Error(err)
			}
		})
	}
}
