package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riskd-io/riskd/services/gateway"
)

// BenchmarkPost measures the whole way: HTTP on loopback, decoding, the broker's acknowledgement.
// Client, gateway and broker share the machine.
func BenchmarkPost(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch_of_%d", size), func(b *testing.B) {
			h := start(b, func(c *gateway.Config, _ *gateway.Deps) { c.EventsPerSecond, c.Burst = 1e9, 1e9 })
			h.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
			now := time.Now()
			var n atomic.Int64
			b.SetParallelism(8)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				events := make([]string, size)
				for pb.Next() {
					for i := range events {
						events[i] = eventAt(fmt.Sprint("e", n.Add(1)), "acme", now)
					}
					req, _ := http.NewRequest(http.MethodPost, h.base+"/v1/events", strings.NewReader("["+strings.Join(events, ",")+"]"))
					req.Header.Set("Authorization", "Bearer "+h.all)
					req.Header.Set("Content-Type", batchJSON)
					resp, err := h.client.Do(req)
					if err != nil {
						b.Error(err)
						return
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusAccepted {
						b.Errorf("got %s", resp.Status)
						return
					}
				}
			})
			b.StopTimer()
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
		})
	}
}
