//go:build integration && unix

package console

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/riskd-io/riskd/pkg/policylog"
	"github.com/riskd-io/riskd/pkg/policylog/policylogtest"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	"github.com/riskd-io/riskd/services/console/web/webtest"
)

// Every page on the golden world and on an empty one, with axe-core by day and by night, and what an analyst does there.
func TestThePagesInABrowser(t *testing.T) {
	webtest.Run(t, browsing(t), "pages", "work")
}

// Pictures of every page in every state, for people to look at: RISKD_PICTURES=1 makes them, in artifacts/console.
func TestPicturesOfEveryState(t *testing.T) {
	if os.Getenv("RISKD_PICTURES") == "" {
		t.Skip("pictures are made with RISKD_PICTURES=1")
	}
	webtest.Run(t, browsing(t), "states")
}

// browsing is what the browser has to know: two consoles, and people.
func browsing(t *testing.T) map[string]any {
	t.Helper()
	golden, empty := serve(t, storytest.Load(t)), serve(t, storytest.Empty(t))
	names, passwords := map[string]string{}, map[string]string{}
	for _, role := range signin.Roles {
		names[string(role)], passwords[string(role)] = string(role)+"@acme", password
	}
	return map[string]any{
		"golden": golden, "empty": empty, "names": names, "passwords": passwords,
		"longUser": storytest.LongUser, "markupUser": storytest.MarkupUser, "markupSession": storytest.MarkupSession,
	}
}

// serve runs a console on a port of its own until the test ends, and returns its address.
func serve(t *testing.T, conn driver.Conn) string {
	t.Helper()
	d := open(t, conn)
	book := policylog.NewBook(new(policylogtest.Memory))
	d.policies = book
	text := "id: mine\nrules:\n  - {name: exports, when: event.action.endsWith(\".export\"), then: {step_up: {max_age: 1h}}, mode: shadow}\n"
	for _, text := range []string{text, strings.Replace(text, "1h", "2h", 1)} {
		if _, _, err := book.Push(t.Context(), []byte(text), policylog.Note{Author: "ann", Reason: "exports, ticket 4711"}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }() // the audit's writer runs apart
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + d.Addr()
}
