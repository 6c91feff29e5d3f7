package sdk

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

// Flags that a copy lacks because it is behind would be taken for cleared.
func TestASnapshotThatLacksWhatTheLeaderHadIsNotComplete(t *testing.T) {
	srv := natstest.Start(t, 1)
	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Connect(srv.URL, "//acme/apps/web", WithTenant("acme"), WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	g := c.Guard()
	if err := g.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	w := &watching{seen: map[string]struct{}{}, leader: 2, waits: func() bool { return false }}
	if g.tryComplete(w, 1); w.seen == nil {
		t.Fatal("complete, and the leader has one entry more")
	}
	if g.Check("acme", "s1").State != Required {
		t.Error("a flag was taken for cleared")
	}
	w.seen[bucketPrefix+"acme.s1"] = struct{}{}
	if g.tryComplete(w, 2); w.seen != nil {
		t.Fatal("not complete, and the leader has nothing else")
	}
	if g.Check("acme", "s1").State != Required {
		t.Error("a flag of the snapshot is gone")
	}
}
