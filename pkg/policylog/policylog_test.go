package policylog_test

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALogInMemoryIsALog(t *testing.T) {
	m := new(policylogtest.Memory)
	policylogtest.Run(t, func(*testing.T) policylog.Log { return m })
}

func by(who string) policylog.Note { return policylog.Note{Author: who, Reason: "because"} }

func text(id string, stepUp int) []byte {
	return fmt.Appendf(nil, "id: %s\nthresholds: {step_up: %d}\n", id, stepUp)
}

// push stores a policy and returns its version.
func push(t *testing.T, b *policylog.Book, who string, text []byte) string {
	t.Helper()
	_, c, err := b.Push(t.Context(), text, by(who))
	if err != nil {
		t.Fatal(err)
	}
	return c.Version
}

func must(t *testing.T, _ *policylog.Change, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// changes counts what the log holds.
func changes(t *testing.T, b *policylog.Book) int {
	t.Helper()
	s, err := b.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(s.Changes)
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	b := policylog.NewBook(new(policylogtest.Memory))
	ctx := t.Context()
	v1 := push(t, b, "ann", text("one", 40))
	_, err := b.TwoPerson(ctx, true, by("ann"))
	must(t, nil, err)
	before := changes(t, b)
	refused := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", what, err, want)
		}
		if n := changes(t, b); n != before {
			t.Errorf("%s: the log grew from %d to %d changes", what, before, n)
		}
	}
	_, _, err = b.Push(ctx, []byte("id: x\nthresholds: {stepup: 3}"), by("ann"))
	refused("unknown key", "did you mean step_up?", err)
	_, _, err = b.Push(ctx, []byte(`{id: x, rules: [{name: r, when: "risk > 90.0", then: deny}], tests: [{name: t, steps: [{event: {action: a}, expect: {action: deny}}]}]}`), by("ann"))
	refused("failing test", "test failed", err)
	_, _, err = b.Push(ctx, text("one", 40), by("bob"))
	refused("the same again", "stored already, by ann", err)
	_, _, err = b.Push(ctx, text("two", 40), policylog.Note{Author: "ann"})
	refused("no reason", "reason", err)
	_, err = b.Approve(ctx, "", v1, by("ann"))
	refused("approval by the author", "somebody else", err)
	_, err = b.Activate(ctx, "", v1, 100, by("bob"))
	refused("no approval", "no approval", err)
	_, err = b.Approve(ctx, "acme", v1, by("bob"))
	refused("another tenant's", "no version", err)
	_, err = b.Rollback(ctx, "", by("ann"))
	refused("nothing to roll back", "nothing has been activated", err)
	_, err = b.TwoPerson(ctx, true, by("ann"))
	refused("on twice", "on already", err)

	_, err = b.TwoPerson(ctx, false, by("ann"))
	must(t, nil, err)
	before = changes(t, b)
	_, err = b.TwoPerson(ctx, false, by("ann"))
	refused("off by one person", "somebody else", err)
	_, err = b.TwoPerson(ctx, false, by("bob"))
	must(t, nil, err)
	if s, _ := b.State(ctx); s.TwoPerson {
		t.Error("two persons asked, and the rule is still on")
	}
}
