package sdk_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

const source = "//acme/apps/web"

// client joins the server for the length of a test.
func client(t testing.TB, url string, opts ...sdk.Option) *sdk.Client {
	t.Helper()
	c, err := sdk.Connect(url, source, append([]sdk.Option{
		sdk.WithTenant("acme"), sdk.WithLogger(quiet), sdk.WithHeartbeat(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(within(t, 5*time.Second)) })
	return c
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until the guard's answer is what ok wants.
func eventually(t testing.TB, g *sdk.Guard, session string, ok func(sdk.Verdict) bool) sdk.Verdict {
	t.Helper()
	v, err := g.Wait(within(t, 5*time.Second), "acme", session, ok)
	if err != nil {
		t.Fatalf("session %s stayed %s (%+v): %v", session, v.State, v, err)
	}
	return v
}

func is(state sdk.State) func(sdk.Verdict) bool {
	return func(v sdk.Verdict) bool { return v.State == state }
}

func poll(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(8 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}
