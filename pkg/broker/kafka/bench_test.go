//go:build integration

package kafka_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka/kafkatest"
	"github.com/riskd-io/riskd/pkg/journal"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// What a batch costs: appends one after the other in each of some partitions at a time, with one transactional id and with several in turn. KAFKA_SETTINGS are settings of the
// broker, with commas between.
func BenchmarkAppendsOnApacheKafka(b *testing.B) {
	server := kafkatest.NewServer(b, b.TempDir(), strings.FieldsFunc(os.Getenv("KAFKA_SETTINGS"), func(r rune) bool { return r == ',' })...)
	server.Start(b)
	b.Cleanup(server.Kill)
	for _, partitions := range []int{1, 4, 16} {
		for _, ids := range []int{1, 3} {
			b.Run(fmt.Sprintf("partitions=%d/ids=%d", partitions, ids), func(b *testing.B) {
				cfg := kafkatest.Config([]string{server.Addr}, partitions)
				on := kafkatest.Install(b, cfg)
				on.SetIDs(ids)
				var wg sync.WaitGroup
				took := make([][]time.Duration, partitions)
				b.ResetTimer()
				for p := range partitions {
					o := own(b, on.Log(p), p)
					wg.Go(func() {
						for range b.N {
							begin := time.Now()
							o.append(b)
							took[p] = append(took[p], time.Since(begin))
						}
					})
				}
				wg.Wait()
				all := slices.Concat(took...)
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}

type appender struct {
	log  broker.Log
	last journal.Stored
	n    int
}

func own(b *testing.B, l broker.Log, n int) *appender {
	b.Cleanup(l.Close)
	if err := l.Claim(b.Context()); err != nil {
		b.Fatal(err)
	}
	last, _, err := l.Last(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return &appender{l, last, n}
}

func (a *appender) append(b *testing.B) {
	rec := &riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_FENCE, Partition: uint32(a.n), Epoch: 1, Owner: strings.Repeat("x", 500), PrevHash: a.last.Hash[:]}
	data, err := journal.Encode(rec)
	if err != nil {
		b.Fatal(err)
	}
	sig := &riskdv1.Signal{ChallengeId: "ch", Revision: a.last.Seq + 1, TenantId: "acme", UserId: "u", SessionId: "s", State: "denied"}
	if a.last.Seq, err = a.log.Append(b.Context(), a.last.Seq, data, broker.Outgoing{InputLast: 1, Signals: []*riskdv1.Signal{sig}}); err != nil {
		b.Error(err)
	}
}
