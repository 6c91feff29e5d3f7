package natsjs

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

// NoticeMsg is a notice as it is published. Its message id is its own.
func NoticeMsg(n *notice.Notice) (*nats.Msg, error) {
	data, err := n.Encode()
	if err != nil {
		return nil, err
	}
	return &nats.Msg{
		Subject: subject.Notice(n.Tenant, n.User.ID),
		Header: nats.Header{
			jetstream.MsgIDHeader: {n.ID}, "ce-specversion": {"1.0"}, "ce-id": {n.ID}, "ce-source": {"//riskd/" + n.Tenant}, "ce-type": {notice.Type},
			HeaderContentType: {notice.ContentType},
		},
		Data: data,
	}, nil
}

func (o outlet) Notice(ctx context.Context, n *notice.Notice) error {
	msg, err := NoticeMsg(n)
	if err != nil {
		return fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	return Store(ctx, o.js, msg)
}

func (o outlet) LastNotice(ctx context.Context, tenant, user string) (string, error) {
	m, err := ReadLast(ctx, o.js, subject.NoticesStream, subject.Notice(tenant, user))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return m.Header().Get(jetstream.MsgIDHeader), nil
}

// NewestNotice implements [broker.Notices].
func (b *Broker) NewestNotice(ctx context.Context) (uint64, error) {
	last, _, err := LastSeq(ctx, b.js, subject.NoticesStream)
	return last, err
}

// OpenNotices implements [broker.Notices].
func (b *Broker) OpenNotices(from uint64) (broker.NoticeReader, error) {
	// Small windows, as for signals: a reader that does not keep up must not fill this process.
	tail, err := OpenTail(b.js, subject.NoticesStream, from, TailConfig{Messages: 256, Bytes: 256 << 10})
	if err != nil {
		return nil, fmt.Errorf("opening notices: %w", err)
	}
	return &noticeReader{tail: tail}, nil
}

type noticeReader struct {
	tail *Tail
	msgs []Message
}

func (r *noticeReader) Close() { r.tail.Close() }

// Take implements [broker.NoticeReader].
func (r *noticeReader) Take(ctx context.Context, dst []broker.StoredNotice) ([]broker.StoredNotice, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], 64, 64<<10)
	for i := range r.msgs {
		dst = append(dst, broker.DecodeNotice(&broker.Message{Seq: r.msgs[i].Seq, Data: r.msgs[i].Data}))
	}
	clear(r.msgs)
	return dst, err
}
