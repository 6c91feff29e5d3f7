package kafka

import (
	"context"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
)

// tail is a partition that is read: a broker.Reader.
type tail struct {
	c         *tailClient
	topic     string
	partition int32
	messages  int
	bytes     int
	keep      bool // records as they are, for readers that look at their keys and headers
	notify    chan struct{}
	ended     chan struct{}

	mu     sync.Mutex
	from   int64 // the offset asked for
	begun  bool  // something has come
	buf    []broker.Message
	recs   []*kgo.Record
	held   int // bytes in buf
	paused bool
	closed bool
}

// take puts what came into the reader's buffer.
func (r *tail) take(p *kgo.FetchTopicPartition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	var missing uint64
	if !r.begun {
		r.begun = true
		if p.LogStartOffset > r.from {
			missing = uint64(p.LogStartOffset - r.from)
		}
	}
	for i, rec := range p.Records {
		m := message(rec)
		m.Missing, missing = missing, 0
		m.Pending = uint64(max(0, p.HighWatermark-1-rec.Offset))
		r.buf = append(r.buf, m)
		if r.keep {
			r.recs = append(r.recs, p.Records[i])
		}
		r.held += len(rec.Value)
	}
	if !r.paused && (len(r.buf) > r.messages || r.held > r.bytes) {
		r.paused = true
		r.c.cl.PauseFetchPartitions(map[string][]int32{r.topic: {r.partition}})
	}
	select {
	case r.notify <- struct{}{}:
	default:
	}
}

// Done does nothing: a fetch's records are one piece of memory of the client's.
func (r *tail) Done(uint64) {}

// Take is as broker.Reader says.
func (r *tail) Take(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, error) {
	dst, _, err := r.takeRecords(ctx, dst, max, maxBytes)
	return dst, err
}

func (r *tail) takeRecords(ctx context.Context, dst []broker.Message, max, maxBytes int) ([]broker.Message, []*kgo.Record, error) {
	for {
		r.mu.Lock()
		if len(r.buf) > 0 {
			n, bytes := 0, 0
			for n < len(r.buf) && n < max && (n == 0 || bytes+len(r.buf[n].Data) <= maxBytes) {
				bytes += len(r.buf[n].Data)
				n++
			}
			dst = append(dst, r.buf[:n]...)
			rest := copy(r.buf, r.buf[n:])
			clear(r.buf[rest:])
			r.buf, r.held = r.buf[:rest], r.held-bytes
			var recs []*kgo.Record
			if r.keep {
				recs, r.recs = r.recs[:n:n], r.recs[n:]
			}
			resume := r.paused && len(r.buf) <= r.messages/2 && r.held <= r.bytes/2
			if resume {
				r.paused = false
			}
			r.mu.Unlock()
			if resume {
				r.c.cl.ResumeFetchPartitions(map[string][]int32{r.topic: {r.partition}})
			}
			return dst, recs, nil
		}
		r.mu.Unlock()
		select {
		case <-r.notify:
		case <-ctx.Done():
			return dst, nil, ctx.Err()
		case <-r.ended:
			<-ctx.Done() // the broker is closed: its role ends
			return dst, nil, ctx.Err()
		}
	}
}

// Close ends the reader.
func (r *tail) Close() {
	r.mu.Lock()
	closed := r.closed
	r.closed, r.buf, r.recs = true, nil, nil
	paused := r.paused
	r.mu.Unlock()
	if closed {
		return
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	if r.c.parts == nil {
		return
	}
	r.c.cl.RemoveConsumePartitions(map[string][]int32{r.topic: {r.partition}})
	if paused {
		r.c.cl.ResumeFetchPartitions(map[string][]int32{r.topic: {r.partition}})
	}
	delete(r.c.parts[r.topic], r.partition)
}

// message is a record over the seam. Strings of the envelope share the record's memory.
func message(rec *kgo.Record) broker.Message {
	return broker.Message{Seq: seqOf(rec.Offset), StoredNS: rec.Timestamp.UnixNano(), Envelope: envelope(rec.Headers), Data: rec.Value}
}

// envelope reads the CloudEvents attributes of the Kafka binding: ce_ headers in binary mode, content-type in both. Names are
// compared without case, and a hyphen is taken for the underscore: not every producer keeps to the letter.
func envelope(headers []kgo.RecordHeader) (e wire.Envelope) {
	for i := range headers {
		h := &headers[i]
		name := h.Key
		switch {
		case strings.EqualFold(name, "content-type"):
			e.ContentType = alias(h.Value)
			continue
		case len(name) < 5 || !strings.EqualFold(name[:2], "ce") || name[2] != '_' && name[2] != '-':
			continue
		}
		switch strings.ToLower(name[3:]) {
		case "id":
			e.ID = alias(h.Value)
		case "source":
			e.Source = alias(h.Value)
		case "type":
			e.Type = alias(h.Value)
		case "time":
			e.Time = alias(h.Value)
		case "datacontenttype":
			if e.ContentType == "" {
				e.ContentType = alias(h.Value)
			}
		}
	}
	return e
}
