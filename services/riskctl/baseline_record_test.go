//go:build unix

package main

import (
	"testing"

	"github.com/riskd-io/riskd/pkg/risk/baseline"
	"github.com/riskd-io/riskd/pkg/story/storytest"
)

func TestABaselineIsBuiltFromTheRecord(t *testing.T) {
	conn := storytest.Load(t)
	b := baselineBuild{all: baseline.NewBuilder(), days: 7000}
	if _, err := b.history(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	var people, thief uint64
	if err := conn.QueryRow(t.Context(), `SELECT count(), countIf(country = 'JP') FROM events FINAL WHERE status = 'scored' AND outcome = 'success' AND type = 'dev.riskd.activity.v1'`).Scan(&people, &thief); err != nil {
		t.Fatal(err)
	}
	if b.all.Events() == 0 || uint64(b.all.Events()) > people-thief {
		t.Errorf("got %d events, want some of the %d without the thief's %d", b.all.Events(), people, thief)
	}
}
