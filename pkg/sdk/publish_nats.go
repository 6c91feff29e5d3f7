package sdk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// ackWait is how long a batch waits for its acknowledgements before the rest is sent again. The
	// message id makes the second copy harmless.
	ackWait = 5 * time.Second
	// codeMessageTooLarge is how the broker answers a message that it can never store.
	codeMessageTooLarge = 10054
)

// natsTransport publishes to JetStream, each event into its user's partition.
type natsTransport struct {
	js jetstream.JetStream

	told       bool // the count is the application's word
	mu         sync.Mutex
	partitions int // 0 until known
}

// newNATSTransport sends over nc. partitions 0 means to ask the installation.
func newNATSTransport(nc *nats.Conn, partitions int) (*natsTransport, error) {
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncMaxPending(2*reportBatch),
		jetstream.WithPublishAsyncTimeout(ackWait))
	if err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	return &natsTransport{js: js, told: partitions > 0, partitions: partitions}, nil
}

// partitionCount reads how many partitions the installation has. It never changes once made; but another installation
// may be made in its place.
func (t *natsTransport) partitionCount(ctx context.Context) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.partitions > 0 {
		return t.partitions, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	first := subject.EventsStream(0)
	s, err := t.js.Stream(ctx, first)
	if err != nil {
		return 0, fmt.Errorf("looking up stream %s: %w", first, err)
	}
	n, err := strconv.Atoi(s.CachedInfo().Config.Metadata[subject.PartitionsMetadata])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("stream %s does not say how many partitions there are (metadata %s)", first, subject.PartitionsMetadata)
	}
	t.partitions = n
	return n, nil
}

func (t *natsTransport) send(ctx context.Context, batch []*riskdv1.Event, fates []Fate) (time.Duration, error) {
	if !t.js.Conn().IsConnected() {
		return 0, nats.ErrDisconnected // rather than into the reconnect buffer
	}
	n, err := t.partitionCount(ctx)
	if err != nil {
		return 0, err
	}
	s := sending{t: t, batch: batch, fates: fates, partitions: n, acks: make([]jetstream.PubAckFuture, len(batch)), next: make([]int, len(batch))}
	err = s.send()
	if e := s.settle(ctx); e != nil {
		err = errors.Join(err, e)
	}
	if err != nil && !t.told {
		t.mu.Lock()
		t.partitions = 0 // asked again before the next attempt
		t.mu.Unlock()
	}
	return 0, err
}

// sending is a batch under way. Of each user one event is under way at a time: an event is sent when the one before it has met
// its fate. Otherwise one that has to be sent again would come behind those that were stored meanwhile.
type sending struct {
	t          *natsTransport
	batch      []*riskdv1.Event
	fates      []Fate
	partitions int
	acks       []jetstream.PubAckFuture // nil: not under way
	next       []int                    // the user's event behind, 0: none
}

// send starts each user's first event.
func (s *sending) send() (err error) {
	last := make(map[string]int, len(s.batch))
	for i, ev := range s.batch {
		key := ev.TenantId + "\x00" + ev.User.Id
		if before, behind := last[key]; behind && s.fates[before] != Refused {
			s.next[before] = i
		} else if err == nil {
			err = s.start(i)
		}
		last[key] = i
	}
	return err
}

// start sends event i, or, when that is refused for good, the user's next one.
func (s *sending) start(i int) error {
	for {
		ev := s.batch[i]
		p := subject.Partition(ev.TenantId, ev.User.Id, s.partitions)
		msg, err := message(p, ev)
		if err == nil {
			s.acks[i], err = s.t.js.PublishMsgAsync(msg,
				jetstream.WithMsgID(ev.Source+"|"+ev.Id), jetstream.WithExpectStream(subject.EventsStream(p)))
			if err == nil {
				return nil
			}
			if !errors.Is(err, nats.ErrMaxPayload) {
				return err
			}
		}
		s.fates[i] = Refused
		if i = s.next[i]; i == 0 {
			return nil
		}
	}
}

// settle waits for what is under way and starts what comes after it.
func (s *sending) settle(ctx context.Context) (last error) {
	for i := range s.batch {
		ack := s.acks[i]
		if ack == nil {
			continue
		}
		select {
		case a := <-ack.Ok():
			s.fates[i] = Accepted
			if a.Duplicate {
				s.fates[i] = Duplicate
			}
		case err := <-ack.Err():
			last = err
			var api *jetstream.APIError
			if errors.As(err, &api) && api.ErrorCode == codeMessageTooLarge {
				s.fates[i] = Refused
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		if next := s.next[i]; next > 0 && s.fates[i] != Unsent {
			if err := s.start(next); err != nil {
				last = err
			}
		}
	}
	return last
}

// message writes ev as a CloudEvent in binary mode. Both spellings of the content type are there,
// because the specification and the common Go library disagree.
func message(partition int, ev *riskdv1.Event) (*nats.Msg, error) {
	data, err := ev.MarshalVT()
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(subject.Event(partition, ev.TenantId, ev.User.Id))
	m.Data = data
	const protobuf = "application/protobuf"
	for _, h := range [...][2]string{
		{"ce-specversion", "1.0"}, {"ce-id", ev.Id}, {"ce-source", ev.Source}, {"ce-type", ev.Type},
		{"ce-time", rfc3339(ev.TimeMs)},
		{"ce-datacontenttype", protobuf}, {"content-type", protobuf},
	} {
		m.Header[h[0]] = []string{headerValue(h[1])}
	}
	return m, nil
}

// headerValue percent-encodes as the CloudEvents binding for NATS asks: everything outside printable
// ASCII, space, double quote and percent.
func headerValue(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] > ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '%'
	}
	if plain {
		return s
	}
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
