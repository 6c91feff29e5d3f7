package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
