package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/riskd-io/riskd/schemas/subject"
)

// Client is an application's tie to riskd. Make one per process and close it at the end.
type Client struct {
	source, tenant string
	now            func() time.Time
	log            *slog.Logger
	acrOrder       []string
	heartbeat      time.Duration
	count          counters

	reports  *reporter
	guard    *Guard // nil without NATS or another broker
	broker   Broker // nil but with WithBroker
	conn     *nats.Conn
	ownsConn bool

	stop      context.CancelFunc // ends the guard and, by force, the reporter
	running   sync.WaitGroup
	closeOnce sync.Once
	closeErr  error
}

// Connect joins riskd over NATS. source names the application, as a URI reference such as
// "//acme/apps/web"; with an event's id it is the event's identity. A server that is not there yet is
// no error: events wait in the queue and the guard is [Connecting] until it comes.
func Connect(natsURL, source string, opts ...Option) (*Client, error) {
	return New(source, append([]Option{func(o *options) { o.natsURL = natsURL }}, opts...)...)
}

// New makes a client from options alone: [WithConn], [WithBroker], [WithGateway].
func New(source string, opts ...Option) (*Client, error) {
	o := options{
		source: source, queue: DefaultQueue, heartbeat: DefaultHeartbeat, resync: DefaultResync, maxFlags: DefaultMaxFlags,
		acrOrder: []string{"aal1", "aal2", "aal3"}, log: slog.Default(), now: time.Now, http: &http.Client{Timeout: 15 * time.Second},
	}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("configuring the riskd client: %w", err)
	}
	c := &Client{source: source, tenant: o.tenant, now: o.now, log: o.log, conn: o.conn, broker: o.broker, acrOrder: o.acrOrder, heartbeat: o.heartbeat}
	if c.conn == nil && o.natsURL != "" {
		nc, err := nats.Connect(o.natsURL, append([]nats.Option{
			nats.Name(Version + " " + source), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
			nats.ReconnectWait(500 * time.Millisecond), nats.ReconnectBufSize(-1), // nothing is kept where nobody counts it
			nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(2), nats.FlusherTimeout(writeWait), nats.ReconnectOnFlusherError(),
		}, o.natsOpts...)...)
		if err != nil {
			return nil, fmt.Errorf("connecting to NATS: %w", err)
		}
		c.conn, c.ownsConn = nc, true
	}
	if err := c.assemble(&o); err != nil {
		if c.ownsConn {
			c.conn.Close()
		}
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.running.Go(func() { c.reports.run(ctx) })
	if c.guard != nil {
		c.running.Go(func() { c.guard.run(ctx) })
	}
	return c, nil
}

func (c *Client) assemble(o *options) error {
	if c.conn != nil || o.broker != nil {
		g, err := newGuard(c.conn, o, &c.count)
		if err != nil {
			return err
		}
		c.guard = g
	}
	var to transport = &httpTransport{base: o.gateway, key: o.apiKey, client: o.http, limit: maxBody}
	switch {
	case o.gateway != nil:
	case o.broker != nil:
		to = brokerTransport{o.broker}
	default:
		t, err := newNATSTransport(c.conn, o.partitions)
		if err != nil {
			return err
		}
		to = t
	}
	c.reports = newReporter(to, o.queue, c.log, &c.count)
	return nil
}

// Report hands an event over and returns its id. It does not wait for the network: the event is kept
// until riskd's broker acknowledges it. The error says that it was not taken ([ErrInvalidEvent],
// [ErrQueueFull], [ErrClosed]); nothing is dropped without being counted.
func (c *Client) Report(ev Event) (id string, err error) {
	pb, err := ev.wire(c.source, c.tenant, c.now())
	if err != nil {
		return "", err
	}
	return pb.Id, c.reports.add(pb)
}

// Guard follows the flags. It is nil for a client with a gateway alone.
func (c *Client) Guard() *Guard { return c.guard }

// Flush waits until every event reported so far is acknowledged or refused.
func (c *Client) Flush(ctx context.Context) error {
	if err := c.reports.flush(ctx); err != nil {
		return fmt.Errorf("flushing %d events: %w", c.reports.queued(), err)
	}
	return nil
}

// Counters tells what the client has done so far.
func (c *Client) Counters() Counters {
	k := c.count.read()
	k.Queued = c.reports.queued()
	if c.guard != nil {
		k.Flags = int(c.guard.size.Load())
		k.State = c.guard.Status().String()
	}
	return k
}

// Close takes no more events, sends those it has until ctx ends, and stops everything it started. Events
// still unsent then are dropped, counted, and named in the error. Close may be called again.
func (c *Client) Close(ctx context.Context) error {
	c.closeOnce.Do(func() {
		c.reports.close()
		select {
		case <-c.reports.done:
		case <-ctx.Done():
		}
		before := c.count.dropped.Load()
		c.stop()
		c.running.Wait()
		if n := c.count.dropped.Load() - before; n > 0 {
			c.closeErr = fmt.Errorf("closing the riskd client: %w: %d events unsent", context.Cause(ctx), n)
		}
		if c.ownsConn {
			c.conn.Close()
		}
		if c.broker != nil {
			c.broker.Close()
		}
	})
	return c.closeErr
}

// ErrNoGuard is what building a middleware returns for a client that has a gateway alone.
var ErrNoGuard = errors.New("enforcement needs a connection to riskd's broker")

// challengeOf predicts the challenge that an event raises, if it raises one.
func (c *Client) challengeOf(tenant, session, eventID string) string {
	return subject.ChallengeID(tenant, session, c.source, eventID)
}
