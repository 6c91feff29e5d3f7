// Package kafka keeps riskd on Apache Kafka: events, journal, pages and signals are topics, and each batch is one
// transaction. It holds no rules of scoring. Unless a type says otherwise its methods are safe for concurrent use.
//
// A partition is the record's own: events are keyed tenant:user, and any partitioner will do that all producers share. The journal,
// the pages and the events of a partition have the same number in their topics. A worker owns a partition as long as the
// consumer group says so, and writes under transactional ids that are the partition's: whoever claims them last has shut out
// everybody before.
package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
)

const (
	openRetry   = 200 * time.Millisecond
	openTimeout = 10 * time.Second
	// readyFor is how long an answer to Ready holds; readyWait is how long the brokers may take to give it: one that says nothing, and then another.
	readyFor  = 2 * time.Second
	readyWait = requestTimeout + readyFor
	// pagesAtOnce are stored by a worker: each waits for a transaction that takes it along.
	pagesAtOnce = 32
	// recordWait: a record is a transaction, which takes longer, and costs more, than a message.
	recordWait = 50 * time.Millisecond
)

// Broker is an installation on Kafka as riskd's roles use it. Open comes first; Close ends all it has opened.
type Broker struct {
	cfg    Config
	log    *slog.Logger
	dialer *dialer
	// cl is for single requests.
	cl      *kgo.Client
	adm     *kadm.Client
	inputs  *tailer // of the events
	records *tailer // of everything else
	ids     int     // transactional ids of a partition

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu     sync.Mutex
	owners map[*kgo.Client]bool // of claimed partitions; nil once closed
	events [16]byte             // id of the topic
	count  int                  // of partitions; 0 before Partitions
	pub    *Publisher
	group  *Workers

	ready struct {
		sync.Mutex
		asked  time.Time
		answer error // what it was told
	}
}

// New makes the clients, which connect when they are used.
func New(cfg Config, name string, log *slog.Logger) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("new kafka broker: %w", err)
	}
	conf, err := cfg.tls()
	if err != nil {
		return nil, fmt.Errorf("new kafka broker: %w", err)
	}
	b := &Broker{cfg: cfg, log: log, dialer: newDialer(conf), ids: idsInTurn}
	opts := b.readerOptions(name)
	if b.cl, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("new kafka broker: %w", err)
	}
	b.adm = kadm.NewClient(b.cl)
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.inputs, b.records, b.owners = newTailer(opts), newTailer(opts), make(map[*kgo.Client]bool)
	return b, nil
}

// options are what every client has.
func (b *Broker) options(name string) []kgo.Opt {
	return append(b.cfg.options(name), kgo.Dialer(b.dialer.dial))
}

// readerOptions are what clients have that read.
func (b *Broker) readerOptions(name string) []kgo.Opt {
	return append(b.options(name), kgo.MetadataMaxAge(metadataMost))
}

// keep remembers the client of a claimed partition, so that Close ends it; false once closed.
func (b *Broker) keep(cl *kgo.Client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owners == nil {
		return false
	}
	b.owners[cl] = true
	return true
}

// task runs what Close waits for; nothing once closed.
func (b *Broker) task(run func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owners != nil {
		b.tasks.Go(run)
	}
}

func (b *Broker) forget(cl *kgo.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.owners, cl)
}

// Close ends every client. A transaction that is open stays so until its partition is claimed, or its time is over.
func (b *Broker) Close() {
	b.mu.Lock()
	owners := b.owners
	b.owners = nil
	b.mu.Unlock()
	for cl := range owners {
		cl.Close()
	}
	b.stop()
	b.tasks.Wait()
	b.inputs.close()
	b.records.close()
	b.mu.Lock()
	pub := b.pub
	b.mu.Unlock()
	if pub != nil {
		pub.Close()
	}
	b.cl.Close()
}

// Ping asks any broker for an answer.
func (b *Broker) Ping(ctx context.Context) error {
	if err := b.cl.Ping(ctx); err != nil {
		return fmt.Errorf("reaching kafka: %w", explain(err))
	}
	return nil
}

// Ready tells whether the brokers answer; it asks at most every readyFor.
func (b *Broker) Ready() error {
	r := &b.ready
	r.Lock()
	defer r.Unlock()
	if time.Since(r.asked) > readyFor {
		ctx, cancel := context.WithTimeout(b.ctx, readyWait)
		defer cancel()
		r.answer = b.Ping(ctx)
		r.asked = time.Now()
	}
	return r.answer
}

// Open reads what the installation says. It waits for a cluster that is still starting, until ctx ends.
func (b *Broker) Open(ctx context.Context) (broker.Installation, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, openTimeout)
		n, err := b.Partitions(attempt)
		cancel()
		if err == nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.pub == nil {
				if b.pub, err = b.NewPublisher(); err != nil {
					return broker.Installation{}, err
				}
			}
			return broker.Installation{Partitions: n, MaxMessage: maxMessage, PagesAtOnce: pagesAtOnce, RecordWait: recordWait,
				PartitionOf: b.cfg.partitionOf(n), Elsewhere: elsewhere}, nil
		}
		if ctx.Err() != nil || !IsTransient(err) || !sleep(ctx, openRetry) {
			return broker.Installation{}, err
		}
	}
}

// eventsID is the id of the topic of events, which newer brokers want to hear in place of its name.
func (b *Broker) eventsID() [16]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.events
}

func (b *Broker) partitionCount() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}

// Publisher publishes events; nil before Open.
func (b *Broker) Publisher() broker.Publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pub
}

// Outlet is nil: signals and dead letters are part of a record's own transaction.
func (b *Broker) Outlet() broker.Outlet { return nil }

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
