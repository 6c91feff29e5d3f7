package rules

import (
	"strings"
	"testing"
)

func TestCountersCountInASlidingWindow(t *testing.T) {
	f := mustParse(t, `
id: counted
lists:
  office: {networks: [192.0.2.0/24]}
counters:
  exports: {when: 'event.action.endsWith(".export") && !(network.ip in lists.office)', window: 1h}
  moved: {when: event.outcome == "success", window: 1d, sum: bytes}
  logins: {when: event.action == "auth.login" && event.outcome == "failure", window: 10m, sum: events}
rules:
  - {name: many, when: counters.exports > 5, then: notify}
  - {name: much, when: counters.moved >= 1000, then: notify}
  - {name: tries, when: counters.logins >= 3, then: notify}
tests:
  - name: the sixth within an hour, and no more an hour later
    base: {action: data.export, network: {ip: 203.0.113.9}}
    steps:
      - {event: {}, repeat: 5, every: 5m, expect: {hits: []}}
      - {event: {}, after: 5m, expect: {hits: [many]}}
      - {event: {}, after: 30m, expect: {hits: [many]}}
      - {event: {}, after: 2h, expect: {hits: []}}
      - {event: {count: 6}, after: 1h, expect: {hits: [many]}}
  - name: what the condition leaves out is not counted
    base: {action: data.export, network: {ip: 192.0.2.9}}
    steps:
      - {event: {}, repeat: 20, every: 10s, expect: {hits: []}}
      - {event: {network: {ip: 203.0.113.9}}, expect: {hits: []}}
  - name: bytes add up over a day
    steps:
      - {event: {action: data.read, bytes: 600}, expect: {hits: []}}
      - {event: {action: data.read, bytes: 399}, after: 5h, expect: {hits: []}}
      - {event: {action: data.read, bytes: 1}, after: 5h, expect: {hits: [much]}}
      - {event: {action: data.read, bytes: 1}, after: 20h, expect: {hits: []}}
  - name: each failed login is one, whatever its count
    steps:
      - {event: {action: auth.login, outcome: failure, count: 9}, repeat: 2, every: 1m, expect: {hits: []}}
      - {event: {action: auth.login, outcome: failure}, expect: {hits: [tries]}}
`)
	if err := f.Passes(); err != nil {
		t.Fatal(err)
	}
	if ps := f.Lint(); len(ps) != 3 { // no rule has a reason for the analyst
		t.Errorf("lint: %v", ps)
	}
}

func TestACounterIsRefusedWithALine(t *testing.T) {
	_, err := Parse([]byte(`id: x
counters:
  a: {when: event.count, window: 1h}
  b: {when: event.count > 1, window: 1s}
  c: {when: counters.a > 1, window: 1h}
  d: {when: event.count > 1, window: 1h, sum: byte}
  e: {when: event.count > 1, windows: 1h}
rules:
  - {name: r, when: counters.z > 1, then: revok}
`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"line 7: counters.e.windows: unknown key; did you mean window?"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
	_, err = Parse([]byte(`id: x
counters:
  a: {when: event.count, window: 1h}
  b: {when: event.count > 1, window: 1s}
  c: {when: counters.a > 1, window: 1h}
  d: {when: event.count > 1, window: 1h, sum: byte}
rules:
  - {name: r, when: counters.d1 > 1, then: revok}
`))
	for _, want := range []string{
		"line 3: counters.a.when: want true or false, got int", "line 4: counters.b.window: want 1m to 30d",
		"line 5: counters.c.when: column 1: counters.a is no fact, list or function", "line 6: counters.d.sum: want count, bytes or events; did you mean bytes?",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
	_, err = Parse([]byte("id: x\ncounters:\n  d: {when: event.count > 1, window: 1h}\nrules:\n  - {name: r, when: counters.d1 > 1, then: revok}\n"))
	for _, want := range []string{"line 5: rules[0].when: column 9: counters.d1 is no fact, list or function; did you mean counters.d?", "did you mean revoke?"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in\n%v", want, err)
		}
	}
}

func TestRevokeShutsTheSessionAndSaysSo(t *testing.T) {
	f := mustParse(t, `
id: r
rules:
  - {name: gone, when: event.action == "account.deactivate", then: revoke, reason: {user: Your account was closed.}}
tests:
  - name: the session is shut, others are not
    steps:
      - {event: {action: account.deactivate}, expect: {action: deny, state: denied, rule: gone, reason: Your account was closed.}}
      - {event: {action: data.read}, expect: {action: deny}}
      - {event: {action: data.read, session: {id: s2}}, expect: {action: allow}}
`)
	if err := f.Passes(); err != nil {
		t.Fatal(err)
	}
}
