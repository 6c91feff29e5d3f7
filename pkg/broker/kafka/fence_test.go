//go:build integration

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// An owner stands still between the writing of a transaction and its commit, under each of its ids. Somebody else takes the partition;
// when the owner goes on, its commit is refused, and nobody who reads what is committed ever sees any of it.
func TestAnOwnerThatStoodStillInATransactionCannotCommitItOnApacheKafka(t *testing.T) {
	server := kafkatest.NewServer(t, t.TempDir())
	proxy := server.Proxy(t)
	server.Start(t)
	t.Cleanup(server.Kill)
	for appends := range 4 {
		t.Run(fmt.Sprintf("after %d appends", appends), func(t *testing.T) {
			cfg := kafkatest.Config([]string{server.Addr}, 1)
			cfg.TransactionTimeout = 30 * time.Second // what ends the transaction is the claim
			b := kafkatest.Install(t, cfg)
			slow := cfg
			slow.Brokers = []string{proxy.Addr}
			zombies := kafkatest.Open(t, slow)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if _, err := zombies.Open(ctx); err != nil {
				t.Fatal(err)
			}
			zombie, next := zombies.Log(0), b.Log(0)
			defer zombie.Close()
			defer next.Close()
			last := claimed(t, zombie)
			for range appends {
				last = follow(t, zombie, last)
			}
			held, refused := proxy.HoldAt(kafkatest.EndTxn), make(chan error, 1)
			lost := after(t, last)
			go func() {
				_, err := zombie.Append(ctx, last.Seq, lost, outgoing("zombie"))
				refused <- err
			}()
			select {
			case <-held:
			case err := <-refused:
				t.Fatalf("the append ended (%v) before its commit was sent", err)
			}
			if all, _ := kafkatest.Stored(t, cfg, "journal"); len(all) != appends+1 {
				t.Fatalf("%d records are stored, want %d: the zombie's among them, open", len(all), appends+1)
			}
			if seen := claimed(t, next); seen.Hash != last.Hash {
				t.Fatalf("the new owner begins at %d, the old one's last commit is %d", seen.Seq, last.Seq)
			}
			data := after(t, last)
			if _, err := next.Append(ctx, last.Seq, data, outgoing("next")); err != nil {
				t.Fatal(err)
			}
			proxy.Release()
			if err := <-refused; !errors.Is(err, broker.ErrConflict) {
				t.Fatalf("the zombie's commit: %v, want a conflict", err)
			}
			_, seen := kafkatest.Stored(t, cfg, "journal")
			if n := len(seen); n != appends+1 || journal.Hash(seen[n-1]) != journal.Hash(data) {
				t.Errorf("%d records are committed, want %d, the new owner's last", n, appends+1)
			}
			for topic, want := range map[string]int{"signals": 1, "dead": 1} {
				if all, seen := kafkatest.Stored(t, cfg, topic); len(seen) != want || len(all) != want+1 {
					t.Errorf("of %s %d are stored and %d committed, want %d and %d", topic, len(all), len(seen), want+1, want)
				}
			}
		})
	}
}

// outgoing is a signal and a dead letter.
func outgoing(who string) broker.Outgoing {
	return broker.Outgoing{
		Signals: []*riskdv1.Signal{{ChallengeId: "ch_" + who, Revision: 1, TenantId: "acme", UserId: "u", SessionId: who, State: "denied"}},
		Dead:    []*riskdv1.JournalEntry{{Status: riskdv1.JournalEntry_STATUS_DEAD, Reason: "test"}},
	}
}
