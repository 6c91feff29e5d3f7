package scorer

import (
	"fmt"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas/subject"
)

// loneBatch is what one record of a lone partition is made of.
type loneBatch struct {
	of   *partition
	msgs []broker.Message
}

// loneBatches are n events of the pipeline bench, size of a partition's together.
func loneBatches(tb testing.TB, parts []*partition, n, users, size int) (out []loneBatch) {
	waiting := make([][]broker.Message, len(parts))
	for i, ev := range pipelineEventsOf(n, users) {
		data, err := ev.MarshalVT()
		if err != nil {
			tb.Fatal(err)
		}
		at := subject.Partition(ev.TenantId, ev.User.Id, len(parts))
		waiting[at] = append(waiting[at], broker.Message{Seq: uint64(i + 1), StoredNS: ev.TimeMs * 1e6, Data: data,
			Envelope: wire.Envelope{ContentType: natsjs.ContentTypeEvent}})
		if len(waiting[at]) == size {
			out = append(out, loneBatch{parts[at], waiting[at]})
			waiting[at] = nil
		}
	}
	for at, rest := range waiting {
		if len(rest) > 0 {
			out = append(out, loneBatch{parts[at], rest})
		}
	}
	return out
}

// judgeAlone is the worker's own part of n events: decode, look up, step, encode, hash, make it the state; nothing is read or stored.
func judgeAlone(tb testing.TB, n, users, size int) cost {
	batches := loneBatches(tb, lonePartitions(tb, pipelinePartitions), n, users, size)
	return measure(n, func() {
		for _, b := range batches {
			if err := b.of.commit(tb.Context(), b.msgs); err != nil {
				tb.Fatal(err)
			}
		}
	})
}

// BenchmarkJudge is judgeAlone by how many events a record holds. Use -benchtime=100000x; an operation is an event.
func BenchmarkJudge(b *testing.B) {
	service.KeepHeapRoom(0)
	useGeoData()
	for _, size := range []int{1, 8, 64, 512, 2048} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			c := judgeAlone(b, b.N, 10_000, size)
			b.ReportMetric(c.CPU, "cpu-us/op")
			b.ReportMetric(1e9/c.Rate, "ns/op")
		})
	}
}
