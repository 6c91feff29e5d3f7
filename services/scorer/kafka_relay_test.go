package scorer

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/broker/kafka"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// kafkaRelay is the bare relay on Kafka: it decodes each event and appends a record for each batch in a transaction. It judges nothing. Its
// appends are the scorer's own.
type kafkaRelay struct {
	t      testing.TB
	logs   []broker.Log
	flags  bool // also the flags that the events of the latency test ask for
	batch  int  // events of a record at most
	left   atomic.Int64
	ctx    context.Context
	cancel context.CancelFunc
}

// newKafkaRelay claims the partitions; run ends after n events, or with 0 not before close, and raises flags then.
func newKafkaRelay(t testing.TB, b *kafka.Broker, partitions, n int) *kafkaRelay {
	r := &kafkaRelay{t: t, flags: n == 0, batch: kafkaBatch}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if r.left.Store(int64(n)); n == 0 {
		r.left.Store(1 << 40)
	}
	r.logs = make([]broker.Log, partitions)
	eachPartition(partitions, func(p int) {
		r.logs[p] = b.Log(p)
		if err := r.logs[p].Claim(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *kafkaRelay) run() { eachPartition(len(r.logs), r.relay) }

func (r *kafkaRelay) close() {
	r.cancel()
	for _, l := range r.logs {
		l.Close()
	}
}

func (r *kafkaRelay) relay(p int) {
	in, err := r.logs[p].Input(1, 4*r.batch, 8<<20)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer in.Close()
	var (
		msgs []broker.Message
		data []byte
		evs  []*riskdv1.Event
		last uint64
	)
	for r.left.Load() > 0 {
		if msgs, err = in.Take(r.ctx, msgs[:0], r.batch, DefaultConfig().BatchBytes); err != nil {
			return
		}
		out := broker.Outgoing{InputLast: msgs[len(msgs)-1].Seq}
		rec := riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, InputLast: out.InputLast}
		for i := range msgs {
			if len(evs) <= i {
				evs = append(evs, new(riskdv1.Event))
			}
			ev := evs[i]
			if err := wire.DecodeInto(msgs[i].Envelope, msgs[i].Data, ev); err != nil {
				r.t.Error(err)
			}
			rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: msgs[i].Seq, Status: 1, Event: ev})
			if r.flags && ev.Action == "apikey.create" {
				out.Signals = append(out.Signals, flagFor(ev))
			}
		}
		if data, err = journal.Append(data[:0], &rec); err == nil {
			last, err = r.logs[p].Append(context.WithoutCancel(r.ctx), last, data, out)
		}
		if err != nil {
			if r.ctx.Err() == nil {
				r.t.Errorf("relay: %v", err)
			}
			return
		}
		if r.left.Add(-int64(len(msgs))) <= 0 {
			r.cancel()
		}
	}
}

// flagFor is the flag that an event of the latency test asks for.
func flagFor(ev *riskdv1.Event) *riskdv1.Signal {
	return &riskdv1.Signal{ChallengeId: subject.ChallengeID(ev.TenantId, ev.Session.Id, ev.Source, ev.Id), Revision: 1, TenantId: ev.TenantId,
		UserId: ev.User.Id, SessionId: ev.Session.Id, State: "required", IssuedAtMs: ev.TimeMs, ExpiresAtMs: ev.TimeMs + 600_000, OnExpiry: "deny",
		Require: &riskdv1.Requirement{AcrValues: []string{"aal2"}}, AtMs: ev.TimeMs, EventId: ev.Id, Cause: "restricted"}
}
