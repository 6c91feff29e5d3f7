package kafka

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/wire"
)

const (
	// fetchWait is how long the brokers hold a request that has nothing to bring; a partition that is added waits for no more.
	fetchWait = 250 * time.Millisecond
	// partitionBytes bounds what one partition brings in one request.
	partitionBytes = 2 << 20
)

// errClosed ends a reader whose broker is closed.
var errClosed = errors.New("kafka: closed")

// tailer reads any number of partitions with as few clients as possible, because one request brings what all of a client's
// partitions have. A partition that is read twice at a time gets another client.
type tailer struct {
	opts []kgo.Opt

	mu      sync.Mutex
	clients []*tailClient
	closed  bool
}

// tailClient is one consumer without a group.
type tailClient struct {
	cl   *kgo.Client
	done chan struct{}

	mu    sync.Mutex
	parts map[string]map[int32]*tail
}

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

func newTailer(opts []kgo.Opt) *tailer {
	return &tailer{opts: append(opts[:len(opts):len(opts)], kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(fetchWait),
		kgo.FetchMinBytes(1), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.FetchMaxBytes(32<<20),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))}
}

// open reads a partition from an offset on and buffers about so much.
func (t *tailer) open(topic string, partition int32, from int64, messages, bytes int, keep bool) (*tail, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errClosed
	}
	r := &tail{topic: topic, partition: partition, messages: messages, bytes: bytes, keep: keep, from: from,
		notify: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, c := range t.clients {
		if c.add(r) {
			return r, nil
		}
	}
	cl, err := kgo.NewClient(t.opts...)
	if err != nil {
		return nil, err
	}
	c := &tailClient{cl: cl, done: make(chan struct{}), parts: make(map[string]map[int32]*tail)}
	go c.run()
	t.clients = append(t.clients, c)
	c.add(r)
	return r, nil
}

func (t *tailer) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, c := range t.clients {
		c.cl.Close()
		<-c.done
	}
	t.clients = nil
}

func (c *tailClient) add(r *tail) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts[r.topic][r.partition] != nil {
		return false
	}
	if c.parts[r.topic] == nil {
		c.parts[r.topic] = make(map[int32]*tail)
	}
	r.c = c
	c.parts[r.topic][r.partition] = r
	c.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: {r.partition: kgo.NewOffset().At(r.from)}})
	return true
}

// run hands out what comes until the client is closed.
func (c *tailClient) run() {
	defer close(c.done)
	for {
		fetches := c.cl.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, parts := range c.parts {
				for _, r := range parts {
					close(r.ended)
				}
			}
			c.parts = nil
			return
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			c.mu.Lock()
			r := c.parts[p.Topic][p.Partition]
			c.mu.Unlock()
			if r != nil && len(p.Records) > 0 { // errors heal by themselves
				r.take(&p)
			}
		})
	}
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
