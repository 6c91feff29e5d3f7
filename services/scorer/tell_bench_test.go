package scorer

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// oneByOne hides that sessions can be told together.
type oneByOne struct{ broker.Outlet }

// BenchmarkPublish is what it takes to make a flag and a signal of each of many sessions known, by how many of them a record raises, told
// together and one by one. An operation is a session; CPU is worker and server. Use -benchtime=20000x.
func BenchmarkPublish(b *testing.B) {
	for _, each := range []int{1, 8, 64} {
		for _, together := range []bool{true, false} {
			b.Run(fmt.Sprintf("sessions=%d/together=%v", each, together), func(b *testing.B) {
				away := startAway(b, 1)
				br := natsjs.NewBroker(away.JS)
				if _, err := br.Open(b.Context()); err != nil {
					b.Fatal(err)
				}
				s := &Service{outlet: br.Outlet(), deps: Deps{Log: testLog()}}
				if !together {
					s.outlet = oneByOne{s.outlet}
				}
				s.metrics = newMetrics(prometheus.NewRegistry(), s)
				records := make([]effect, 0, b.N/each+1)
				now := time.Now().UnixMilli()
				for n := 0; n < b.N; n++ {
					if n%each == 0 {
						records = append(records, effect{seq: uint64(n + 1)})
					}
					id := strconv.Itoa(n)
					records[len(records)-1].add([]*riskdv1.Signal{{TenantId: "acme", SessionId: "session-" + id, UserId: "user-" + id, ChallengeId: "ch_" + id,
						Revision: 1, State: "required", IssuedAtMs: now, AtMs: now, ExpiresAtMs: now + 600_000, OnExpiry: "deny",
						Risk: &riskdv1.SignalRisk{Score: 97.5, Level: "high", Reasons: []string{"new_network", "unknown_device"}}}}, 0)
					records[len(records)-1].stored[n%each] = 1
				}
				f := newEffects(b.Context(), s, 0)
				b.ReportAllocs()
				b.ResetTimer()
				c := away.measure(b.N, func() {
					for _, e := range records {
						if !f.enqueue(b.Context(), e) {
							b.Fatal("refused")
						}
					}
					f.finish()
				})
				b.StopTimer()
				if f.publishedThrough(uint64(b.N)) != uint64(b.N) {
					b.Fatal("not all is published")
				}
				b.ReportMetric(c.CPU, "cpu-us/op")
				b.ReportMetric(c.Broker, "server-us/op")
			})
		}
	}
}
