package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	headerPosition = "riskd-journal"
	headerState    = "riskd-state"
	headerReason   = "riskd-reason"
	contentType    = "application/protobuf"
)

// alias is b as a string that shares its memory.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// signalRecord is a signal in the compacted topic: CloudEvents in binary mode. The key names the session and whose it is, so that the
// newest revision of each user stays, and an app finds the session's by the key's beginning.
func (b *Broker) signalRecord(sig *riskdv1.Signal, pos broker.Position) (*kgo.Record, error) {
	data, err := sig.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("%w: signal: %w", broker.ErrInvalid, err)
	}
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{
		Topic: b.topic(signalsTopic), Key: []byte(subject.Key(sig.TenantId, sig.SessionId) + "." + subject.Token(sig.UserId)), Value: data,
		Headers: []kgo.RecordHeader{
			h("ce_specversion", "1.0"), h("ce_id", sig.ChallengeId+":"+strconv.FormatUint(sig.Revision, 10)), h("ce_source", "//riskd/"+sig.TenantId),
			h("ce_type", "dev.riskd.signal.v1"), h("content-type", contentType), h(headerState, sig.State), h(headerPosition, pos.String()),
		},
	}, nil
}

// deadRecord is a dead letter: a journal entry with status, reason and the message as it came.
func (b *Broker) deadRecord(pos broker.Position, e *riskdv1.JournalEntry) (*kgo.Record, error) {
	data, err := e.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("%w: dead letter: %w", broker.ErrInvalid, err)
	}
	return &kgo.Record{Topic: b.topic(deadTopic), Key: []byte(strconv.Itoa(pos.Partition)), Value: data, Headers: []kgo.RecordHeader{
		{Key: "content-type", Value: []byte(contentType)}, {Key: headerReason, Value: []byte(e.Reason)}, {Key: headerPosition, Value: []byte(pos.String())}}}, nil
}

// Flag never applies anything: on Kafka the signals are the flags.
func (b *Broker) Flag(context.Context, *riskdv1.Signal, broker.Position) (bool, error) {
	return false, nil
}

// Signals visits nothing: there are no flags apart from the signals that could differ from them.
func (b *Broker) Signals(context.Context, func(broker.StoredSignal) error) error { return nil }

// Follow reads the flags and their changes.
func (b *Broker) Follow() (broker.FlagReader, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	r := &flagReader{topic: b.topic(signalsTopic)}
	at, err := b.bounds(ctx, r.topic, 0)
	if err != nil {
		return nil, err
	}
	r.end = at.stable
	if r.cl, err = kgo.NewClient(append(b.readerOptions("riskd flags"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(fetchWait), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: {0: kgo.NewOffset().At(at.start)}}))...); err != nil {
		return nil, fmt.Errorf("following %s: %w", r.topic, err)
	}
	return r, nil
}

// flagReader follows the topic of signals: a broker.FlagReader.
type flagReader struct {
	cl    *kgo.Client
	topic string
	end   int64 // when the reader was made
	at    int64
	idle  int // polls without anything, before the end was seen
}

// Take is as broker.FlagReader says.
func (r *flagReader) Take(ctx context.Context, dst []broker.Flag) ([]broker.Flag, error) {
	for start := len(dst); len(dst) == start; {
		fetches := r.cl.PollFetches(ctx)
		if fetches.IsClientClosed() {
			return dst, errClosed
		}
		if err := ctx.Err(); err != nil && fetches.Empty() {
			return dst, err
		}
		dst = r.decode(dst, fetches)
	}
	return dst, nil
}

// drainIdle is how many empty polls count as the end: compaction may have removed the records before it.
const drainIdle = 4

// Drain is as broker.FlagReader says.
func (r *flagReader) Drain(ctx context.Context, dst []broker.Flag) (flags []broker.Flag, end bool, err error) {
	for start := len(dst); len(dst) == start; {
		if r.atEnd() || r.idle >= drainIdle {
			return dst, true, nil
		}
		poll, cancel := context.WithTimeout(ctx, 2*fetchWait)
		fetches := r.cl.PollFetches(poll)
		cancel()
		switch {
		case fetches.IsClientClosed():
			return dst, false, errClosed
		case ctx.Err() != nil:
			return dst, false, ctx.Err()
		}
		before := r.at
		dst = r.decode(dst, fetches)
		if r.at == before && r.cl.Ping(ctx) == nil {
			r.idle++
		} else {
			r.idle = 0
		}
	}
	return dst, r.atEnd(), nil
}

func (r *flagReader) atEnd() bool { return r.at >= r.end }

func (r *flagReader) decode(dst []broker.Flag, fetches kgo.Fetches) []broker.Flag {
	fetches.EachRecord(func(rec *kgo.Record) {
		r.at = rec.Offset + 1
		if !rec.Attrs.IsControl() {
			dst = append(dst, flagOf(rec))
		}
	})
	return dst
}

// flagOf is a record of the topic as a flag. One that cannot be read, or whose time is over, is none.
func flagOf(rec *kgo.Record) broker.Flag {
	f := broker.Flag{Key: string(rec.Key), Revision: seqOf(rec.Offset), Created: rec.Timestamp}
	for _, h := range rec.Headers {
		if h.Key == headerPosition {
			f.Position, _ = broker.ParsePosition(alias(h.Value))
		}
	}
	sig := new(riskdv1.Signal)
	if rec.Value == nil || sig.UnmarshalVT(rec.Value) != nil {
		return f
	}
	f.Challenge, f.ChallengeRevision = sig.ChallengeId, sig.Revision
	if broker.Blocks(sig) && time.Since(rec.Timestamp) < broker.FlagTTL(sig) {
		f.Signal = sig
	}
	return f
}

// Close ends the reader.
func (r *flagReader) Close() { r.cl.Close() }

// LastSignal is the position of the newest signal, 0 when there is none.
func (b *Broker) LastSignal(ctx context.Context) (uint64, error) {
	at, err := b.bounds(ctx, b.topic(signalsTopic), 0)
	return uint64(at.stable), err
}

// SignalReader reads the stored signals from a position on. For one goroutine.
type SignalReader struct {
	tail *tail
	msgs []broker.Message
}

// Positioned is a signal and its position in the topic; Signal is nil where a record is none.
type Positioned struct {
	Position uint64
	Stored   time.Time
	Signal   *riskdv1.Signal
}

// OpenSignals reads signals from a position on, 1 being the first. Compaction leaves the newest of each session and user.
func (b *Broker) OpenSignals(from uint64) (*SignalReader, error) {
	tail, err := b.records.open(b.topic(signalsTopic), 0, offsetOf(from), 256, 256<<10, false)
	if err != nil {
		return nil, fmt.Errorf("opening signals: %w", err)
	}
	return &SignalReader{tail: tail}, nil
}

// Take returns at least one signal; it blocks until ctx ends.
func (r *SignalReader) Take(ctx context.Context) ([]Positioned, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], 64, 64<<10)
	out := make([]Positioned, 0, len(r.msgs))
	for i := range r.msgs {
		p := Positioned{Position: r.msgs[i].Seq, Stored: time.Unix(0, r.msgs[i].StoredNS)}
		sig := new(riskdv1.Signal)
		if r.msgs[i].Data != nil && sig.UnmarshalVT(r.msgs[i].Data) == nil {
			p.Signal = sig
		}
		out = append(out, p)
	}
	return out, err
}

// Close ends the reader.
func (r *SignalReader) Close() { r.tail.Close() }
