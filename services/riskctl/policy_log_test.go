package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
)

func TestTheLifeOfAPolicyOnTheCommandLine(t *testing.T) {
	b := natstest.Start(t, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do := func(want int, args ...string) string {
		t.Helper()
		out, stderr, code := call(t, "", append([]string{"policy", args[0], "-nats-url", b.URL()}, args[1:]...)...)
		if code != want {
			t.Fatalf("%v: code %d, want %d\n%s%s", args, code, want, out, stderr)
		}
		return out + stderr
	}
	contains := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("want %q in:\n%s", w, out)
			}
		}
	}
	write("id: mine\nthresholds: {step_up: 40}\nrules:\n  - {name: r, when: risk > 1.0, then: notify}\ntests:\n  - {name: t, steps: [{event: {action: a}, expect: {hits: []}}]}\n")
	contains(do(1, "push", file, "-author", "ann", "-reason", "first"), "test failed")
	write("id: mine\nthresholds: {step_up: 40}\n")
	contains(do(2, "push", file, "-author", "ann"), "wants a -reason")
	out := do(0, "push", file, "-author", "ann", "-reason", "first")
	version := regexp.MustCompile(`mine@[0-9a-f]{8}`).FindString(out)
	contains(out, "stored "+version, "nothing judges by it yet")
	contains(do(0, "two-person", "on", "-author", "ann", "-reason", "audit"), "who is not their author")
	contains(do(1, "activate", "mine", "-author", "ann", "-reason", "go"), "no approval")
	contains(do(1, "approve", "mine", "-author", "ann", "-reason", "good"), "somebody else")
	contains(do(0, "approve", "mine", "-author", "bob", "-reason", "good"), "approved by bob (claimed)")
	contains(do(0, "activate", version, "-author", "ann", "-reason", "go", "-share", "10"), "10 %", "before: what riskd was started with")
	contains(do(0, "versions"), "10 %", "bob", "two-person rule is on")
	write("id: mine\nthresholds: {step_up: 45}\n")
	contains(do(0, "diff", file), "--- "+version, " id: mine", "-thresholds: {step_up: 40}", "+thresholds: {step_up: 45}")
	contains(do(0, "get", version), "step_up: 40")
	contains(do(0, "rollback", "-author", "ann", "-reason", "too many prompts"), "what riskd was started with")
	contains(do(0, "history"), "two_person_on", "activated for 10 %", "rolled_back", "too many prompts")
	contains(do(1, "rollback", "-author", "ann", "-reason", "again"), "nothing has been activated")
	contains(do(1, "activate", "nobody", "-reason", "x"), "no version nobody")
	contains(do(2, "diff"), "want diff")
	contains(do(2, "push", "-nonsense"), "nonsense")
}

// Where the broker asks who comes, the author of a change is whom it let in, whatever is claimed.
func TestAuthorsAreThoseWhomTheBrokerKnows(t *testing.T) {
	for _, c := range []struct{ identity, claim, want string }{
		{"nats:ann", "", "nats:ann"}, {"nats:ann", "bob", "nats:ann for bob (claimed)"}, {"", "bob", "bob (claimed)"},
	} {
		p := policyLogFlags{identity: c.identity, author: c.claim}
		if got := p.note().Author; got != c.want {
			t.Errorf("known as %q and claiming %q: %q, want %q", c.identity, c.claim, got, c.want)
		}
	}
	if got := new(policyLogFlags).note().Author; !strings.HasPrefix(got, "os:") || !strings.HasSuffix(got, " (claimed)") {
		t.Errorf("nobody asks: %q", got)
	}
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte(`authorization { users: [{user: ann, password: secret}] }`), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	opts.Host, opts.Port, opts.NoLog, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not start")
	}
	nc, err := nats.Connect(strings.Replace(s.ClientURL(), "nats://", "nats://ann:secret@", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := natsUser(t.Context(), nc); got != "nats:ann" {
		t.Errorf("the server says %q", got)
	}
	b := natstest.Start(t, 1)
	if got := natsUser(t.Context(), b.Conn); got != "" {
		t.Errorf("a server that asks nobody says %q", got)
	}
}
