package sink

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/policylog"
)

func TestEveryChangeOfPoliciesArrivesOnceWithItsText(t *testing.T) {
	_, conn := database(t)
	b := natstest.Start(t, 1)
	log, err := natsjs.OpenPolicyLog(t.Context(), b.JS)
	if err != nil {
		t.Fatal(err)
	}
	book := policylog.NewBook(log)
	note := func(who string) policylog.Note {
		return policylog.Note{Author: who, Reason: "it's needed", Evidence: "10 tests"}
	}
	text := []byte("id: mine # 'quoted'\nthresholds: {step_up: 44}\n")
	_, pushed, err := book.Push(t.Context(), text, note("ann"))
	if err != nil {
		t.Fatal(err)
	}
	start := func() (stop func()) {
		reader := natsjs.NewJournalReader(b.JS)
		s, err := New(testConfig(1), Deps{ClickHouse: conn, Journal: reader, Policies: log, Log: enginetest.Quiet(), Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			reader.Close()
		}
	}
	rows := func() (n uint64) {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM policy_changes").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	stopOne, stopTwo := start(), start() // of one database
	if _, err := book.Approve(t.Context(), "", pushed.Version, note("bob")); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, "two changes are rows", func() bool { return rows() == 2 })
	stopOne()
	stopTwo()
	if _, err := book.Activate(t.Context(), "", pushed.Version, 25, note("bob")); err != nil {
		t.Fatal(err)
	}
	defer start()()
	natstest.Eventually(t, "what came meanwhile is a row, too", func() bool { return rows() == 3 })
	time.Sleep(200 * time.Millisecond)
	if n := rows(); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
	var got string
	err = conn.QueryRow(t.Context(), `SELECT toString(groupArray(tuple(n, kind, version, author, reason, share, digest = lower(hex(SHA256(text))), prev != '')))
		FROM (SELECT * FROM policy_changes ORDER BY n)`).Scan(&got)
	if err != nil {
		t.Fatal(err)
	}
	v := pushed.Version
	want := fmt.Sprintf(`[(1,'pushed','%s','ann','it\'s needed',0,1,0),(2,'approved','%s','bob','it\'s needed',0,0,1),(3,'activated','%s','bob','it\'s needed',25,0,1)]`, v, v, v)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var broken uint64
	if err := conn.QueryRow(t.Context(), `SELECT countIf(prev != before) FROM (SELECT prev, lagInFrame(hash) OVER (ORDER BY n) AS before FROM policy_changes)`).Scan(&broken); err != nil || broken != 0 {
		t.Errorf("%d changes do not hold the hash of the one before, %v", broken, err)
	}
}
