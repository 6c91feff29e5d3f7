package scorer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/schemas/subject"
)

// nowhereLog takes every record and keeps none: what a commit costs beside it is the worker's own.
type nowhereLog struct{ broker.Log }

func (nowhereLog) Append(_ context.Context, last uint64, _ []byte, _ broker.Outgoing) (uint64, error) {
	return last + 1, nil
}

// lonePartitions are partitions as their worker has them, with no broker behind.
func lonePartitions(tb testing.TB, n int) []*partition {
	en := newEnricher(tb)
	s, err := New(DefaultConfig(), Deps{Broker: natsjs.NewBroker(nil), Engine: newEngine(tb), Enricher: en, Sections: sectionsOf(en), Log: testLog(), Registry: prometheus.NewRegistry()})
	if err != nil {
		tb.Fatal(err)
	}
	s.partitions, s.ownPartitions, s.maxRecord, s.batchEvents, s.batchBytes = n, true, 8<<20, s.cfg.BatchEvents, s.cfg.BatchBytes
	out := make([]*partition, n)
	for i := range out {
		p := &partition{s: s, n: i, log: nowhereLog{}, st: newStore()}
		if p.parts, err = newParts(s.deps.Sections(i)); err != nil {
			tb.Fatal(err)
		}
		p.fx = newEffects(tb.Context(), s, i)
		p.by.engine, p.by.revision, _ = s.policies.Wait(tb.Context(), 0)
		out[i] = p
	}
	return out
}

// BenchmarkJudge is the worker's own part of an event, without reading and storing: decode, look up, step, encode, make it the state. By
// how many events a record holds. Use -benchtime=100000x; an operation is an event.
func BenchmarkJudge(b *testing.B) {
	service.KeepHeapRoom()
	if data := os.Getenv("RISKD_DATA"); exists(filepath.Join(data, "geo", "GeoLite2-City.mmdb")) {
		geo := filepath.Join(data, "geo")
		enrichment = enrich.Config{City: filepath.Join(geo, "GeoLite2-City.mmdb"), ASN: filepath.Join(geo, "asn.mmdb")}
	}
	for _, size := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			parts := lonePartitions(b, pipelinePartitions)
			waiting := make([][]broker.Message, len(parts))
			var batches [][]broker.Message
			for i, ev := range pipelineEventsOf(b.N, 10_000) {
				data, err := ev.MarshalVT()
				if err != nil {
					b.Fatal(err)
				}
				n := subject.Partition(ev.TenantId, ev.User.Id, len(parts))
				waiting[n] = append(waiting[n], broker.Message{Seq: uint64(i + 1), StoredNS: ev.TimeMs * 1e6, Data: data,
					Envelope: wire.Envelope{ContentType: natsjs.ContentTypeEvent}})
				if len(waiting[n]) == size {
					batches = append(batches, waiting[n])
					waiting[n] = nil
				}
			}
			for _, rest := range waiting {
				if len(rest) > 0 {
					batches = append(batches, rest)
				}
			}
			owner := func(m *broker.Message) int {
				ev, err := wire.Decode(m.Envelope, m.Data)
				if err != nil {
					b.Fatal(err)
				}
				return subject.Partition(ev.TenantId, ev.User.Id, len(parts))
			}
			owners := make([]int, len(batches))
			for i := range batches {
				owners[i] = owner(&batches[i][0])
			}
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuSeconds()
			for i, msgs := range batches {
				if err := parts[owners[i]].commit(b.Context(), msgs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuSeconds()-cpu)/float64(b.N)*1e6, "cpu-us/op")
		})
	}
}
