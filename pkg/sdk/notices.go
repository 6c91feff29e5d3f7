package sdk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

// Notice tells that a rule with the effect notify applied to an event: nothing is asked and nothing is blocked.
type Notice = notice.Notice

// NoticeBroker is a [Broker] that tells notices.
type NoticeBroker interface {
	// Notices calls handle for each notice stored since a moment, and for those to come, until ctx ends or the thread is lost. stored is
	// when the broker took it.
	Notices(ctx context.Context, since time.Time, handle func(n *Notice, stored time.Time)) error
}

// ErrNoNotices tells that this client has no broker that tells notices: follow the gateway's /v1/notices instead.
var ErrNoNotices = errors.New("notices need NATS, or a broker that tells them")

// noticePause is how long to wait before reading notices again after the broker was lost.
const noticePause = time.Second

// Notices calls handle for each notice of the client's tenant (of all tenants, for a client without one) that was stored since a moment, and for those to come, one
// after the other. A zero moment means only those to come. It returns when ctx ends, with its error, and goes on by itself when the broker was away. The
// broker keeps a week of them. A notice may come twice: its ID is the same then.
func (c *Client) Notices(ctx context.Context, since time.Time, handle func(*Notice)) error {
	source := c.natsNotices
	if c.conn == nil {
		b, ok := c.broker.(NoticeBroker)
		if !ok {
			return ErrNoNotices
		}
		source = b.Notices
	}
	if since.IsZero() {
		since = c.now()
	}
	for {
		err := source(ctx, since, func(n *Notice, stored time.Time) {
			since = stored
			if c.tenant == "" || c.tenant == n.Tenant {
				handle(n)
			}
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.log.Warn("riskd notices cannot be read, trying again", "error", err)
		select {
		case <-time.After(noticePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// natsNotices reads the stream.
func (c *Client) natsNotices(ctx context.Context, since time.Time, handle func(*Notice, time.Time)) error {
	js, err := jetstream.New(c.conn)
	if err != nil {
		return err
	}
	filter := subject.Notices + ".>"
	if c.tenant != "" {
		filter = subject.Notices + "." + subject.Token(c.tenant) + ".*"
	}
	setup, cancel := context.WithTimeout(ctx, setupWait)
	consumer, err := js.OrderedConsumer(setup, subject.NoticesStream, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
	})
	cancel()
	if err != nil {
		return fmt.Errorf("reading %s: %w", subject.NoticesStream, err)
	}
	msgs, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("reading %s: %w", subject.NoticesStream, err)
	}
	defer msgs.Stop()
	stop := context.AfterFunc(ctx, msgs.Stop)
	defer stop()
	for {
		m, err := msgs.Next()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		n, err := notice.Decode(m.Data())
		meta, noMeta := m.Metadata()
		if err != nil || noMeta != nil {
			c.count.noticesInvalid.Add(1)
			continue
		}
		handle(n, meta.Timestamp)
	}
}
