package scorer

import (
	"context"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

// recorder makes the record of a batch of messages; what it returns is valid until it is asked again.
type recorder func(msgs []natsjs.Message) ([]byte, error)

// relay reads one partition's input to its end, and with record appends one for each batch.
func relay(b testing.TB, js jetstream.JetStream, p int, record recorder) {
	tail, err := natsjs.OpenTail(js, subject.EventsStream(p), 1, natsjs.TailConfig{Messages: DefaultConfig().BatchEvents})
	if err != nil {
		b.Error(err)
		return
	}
	defer tail.Close()
	var (
		msgs []natsjs.Message
		last uint64
	)
	for end := false; !end; {
		if msgs, end, err = tail.Drain(context.Background(), msgs[:0], DefaultConfig().BatchEvents, DefaultConfig().BatchBytes); err != nil {
			b.Error(err)
			return
		}
		if record == nil || len(msgs) == 0 {
			continue
		}
		out, err := record(msgs)
		if err == nil {
			last, err = natsjs.AppendRecord(context.Background(), js, p, last, out)
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}

// noRecords is a relay's that only reads.
func noRecords() recorder { return nil }

// riskdsRecords decodes and encodes as the scorer does: what is left between such a relay and the scorer is judging.
func riskdsRecords() recorder {
	return records(func(m natsjs.Message, ev *riskdv1.Event) error { return wire.DecodeInto(m.Envelope(), m.Data, ev) },
		func(dst []byte, rec *riskdv1.JournalRecord) ([]byte, error) { return journal.Append(dst, rec) })
}

// stockRecords decodes with the generated code, and compresses what that makes of a record: a relay as anybody would write it, and as the first prototype was.
func stockRecords() recorder {
	var raw []byte
	return records(func(m natsjs.Message, ev *riskdv1.Event) error {
		ev.Reset()
		return ev.UnmarshalVT(m.Data)
	}, func(dst []byte, rec *riskdv1.JournalRecord) ([]byte, error) {
		size := rec.SizeVT()
		raw = slices.Grow(raw[:0], size)[:size]
		_, err := rec.MarshalToSizedBufferVT(raw)
		return s2.Encode(dst[:cap(dst)], raw), err
	})
}

func records(decode func(natsjs.Message, *riskdv1.Event) error, encode func([]byte, *riskdv1.JournalRecord) ([]byte, error)) recorder {
	var (
		out []byte
		evs []*riskdv1.Event
	)
	return func(msgs []natsjs.Message) (_ []byte, err error) {
		rec := riskdv1.JournalRecord{Kind: riskdv1.JournalRecord_KIND_BATCH, InputLast: msgs[len(msgs)-1].Seq}
		for i, m := range msgs {
			if len(evs) <= i {
				evs = append(evs, new(riskdv1.Event))
			}
			if err := decode(m, evs[i]); err != nil {
				return nil, err
			}
			rec.Entries = append(rec.Entries, &riskdv1.JournalEntry{Input: m.Seq, Status: 1, Event: evs[i]})
		}
		out, err = encode(out[:0], &rec)
		return out, err
	}
}
