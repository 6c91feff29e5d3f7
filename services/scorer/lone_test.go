package scorer

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// keptLog keeps every record, and when it came.
type keptLog struct {
	broker.Log
	t       testing.TB
	records []*riskdv1.JournalRecord
	at      []time.Time
}

func (l *keptLog) Append(_ context.Context, last uint64, stored []byte, _ broker.Outgoing) (uint64, error) {
	s, err := journal.Decode(0, last+1, stored)
	if err != nil {
		l.t.Fatal(err)
	}
	l.records, l.at = append(l.records, s.Record), append(l.at, time.Now())
	return last + 1, nil
}

// handed is an input that brings what it is handed.
type handed chan []broker.Message

func (h handed) Close()      {}
func (h handed) Done(uint64) {}

func (h handed) Take(ctx context.Context, dst []broker.Message, _, _ int) ([]broker.Message, error) {
	select {
	case msgs := <-h:
		return append(dst, msgs...), nil
	default:
	}
	select {
	case msgs := <-h:
		return append(dst, msgs...), nil
	case <-ctx.Done():
		return dst, ctx.Err()
	}
}

// messagesOf are events as a partition reads them.
func messagesOf(tb testing.TB, evs []*riskdv1.Event) []broker.Message {
	out := make([]broker.Message, len(evs))
	for i, ev := range evs {
		data, err := ev.MarshalVT()
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = broker.Message{Seq: uint64(i + 1), StoredNS: ev.TimeMs * 1e6, Data: data, Envelope: wire.Envelope{ContentType: natsjs.ContentTypeEvent}}
	}
	return out
}

// lonePartition is one with a log that keeps what it is given.
func lonePartition(tb testing.TB) (*partition, *keptLog) {
	p := lonePartitions(tb, 1)[0]
	log := &keptLog{t: tb}
	p.log = log
	p.ck.began, p.s.hold = time.Now(), recordWait // no checkpoint is due
	return p, log
}

// quiet are events of strangers that raise nothing.
func quiet(n int) []*riskdv1.Event {
	var evs []*riskdv1.Event
	for i := range n {
		evs = append(evs, &riskdv1.Event{Id: strconv.Itoa(i), Source: "//test", Type: "dev.riskd.activity.v1", TimeMs: time.Now().Add(time.Duration(i-100) * time.Minute).UnixMilli(),
			TenantId: "acme", User: &riskdv1.User{Id: "u" + strconv.Itoa(i)}, Session: &riskdv1.Session{Id: "s" + strconv.Itoa(i)}, Action: "resource.read", Outcome: "success"})
	}
	return evs
}

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
	s.partitions, s.ownPartitions, s.maxRecord, s.batchBytes = n, true, 8<<20, s.cfg.BatchBytes
	out := make([]*partition, n)
	for i := range out {
		p := &partition{s: s, n: i, log: nowhereLog{}, tail: make(handed), st: newStore()}
		if p.parts, err = newParts(s.deps.Sections(i)); err != nil {
			tb.Fatal(err)
		}
		p.fx = newEffects(tb.Context(), s, i)
		p.by.engine, p.by.revision, _ = s.policies.Wait(tb.Context(), 0)
		out[i] = p
	}
	return out
}
