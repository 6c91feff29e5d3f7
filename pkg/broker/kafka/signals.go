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
func (b *Broker) deadRecord(partition int, e *riskdv1.JournalEntry) (*kgo.Record, error) {
	data, err := e.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("%w: dead letter: %w", broker.ErrInvalid, err)
	}
	return &kgo.Record{Topic: b.topic(deadTopic), Key: []byte(strconv.Itoa(partition)), Value: data, Headers: []kgo.RecordHeader{
		{Key: "content-type", Value: []byte(contentType)}, {Key: headerReason, Value: []byte(e.Reason)}}}, nil
}

// Flag never applies anything: on Kafka the signals are the flags.
func (b *Broker) Flag(context.Context, *riskdv1.Signal, broker.Position) (bool, error) {
	return false, nil
}

// Signals visits nothing: there are no flags apart from the signals that could differ from them.
func (b *Broker) Signals(context.Context, func(broker.StoredSignal) error) error { return nil }

// signalPartitions is how many partitions the topic of signals has.
func (b *Broker) signalPartitions(ctx context.Context) (int, error) {
	found, err := b.adm.ListTopics(ctx, b.topic(signalsTopic))
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("reading topic %s: %w", b.topic(signalsTopic), explain(err))
	}
	return len(found[b.topic(signalsTopic)].Partitions), nil
}

// Follow reads the flags and their changes.
func (b *Broker) Follow() (broker.FlagReader, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	n, err := b.signalPartitions(ctx)
	if err != nil {
		return nil, err
	}
	r := &flagReader{topic: b.topic(signalsTopic), ends: make([]int64, n), at: make([]int64, n), notify: make(chan struct{}, 1)}
	for p := range n {
		at, err := b.bounds(ctx, r.topic, int32(p))
		if err != nil {
			return nil, err
		}
		r.ends[p] = at.stable
	}
	opts, err := b.cfg.options("riskd flags")
	if err != nil {
		return nil, err
	}
	from := make(map[int32]kgo.Offset, n)
	for p := range n {
		from[int32(p)] = kgo.NewOffset().AtStart()
	}
	if r.cl, err = kgo.NewClient(append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(fetchWait), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from}))...); err != nil {
		return nil, fmt.Errorf("following %s: %w", r.topic, err)
	}
	return r, nil
}

// flagReader follows the topic of signals: a broker.FlagReader.
type flagReader struct {
	cl     *kgo.Client
	topic  string
	ends   []int64 // of each partition when the reader was made
	at     []int64
	notify chan struct{}
	idle   int // polls without anything, before the end was seen
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
		before := r.sum()
		dst = r.decode(dst, fetches)
		if r.sum() == before && r.cl.Ping(ctx) == nil {
			r.idle++
		} else {
			r.idle = 0
		}
	}
	return dst, r.atEnd(), nil
}

func (r *flagReader) atEnd() bool {
	for p, end := range r.ends {
		if r.at[p] < end {
			return false
		}
	}
	return true
}

func (r *flagReader) sum() (n int64) {
	for _, at := range r.at {
		n += at
	}
	return n
}

func (r *flagReader) decode(dst []broker.Flag, fetches kgo.Fetches) []broker.Flag {
	fetches.EachRecord(func(rec *kgo.Record) {
		r.at[rec.Partition] = rec.Offset + 1
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
