package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/notice"
	"github.com/riskd-io/riskd/schemas/subject"
)

// noticeRecord is a notice: JSON, CloudEvents in binary mode, in the order of its user.
func (b *Broker) noticeRecord(n *notice.Notice, id string) (*kgo.Record, error) {
	named := *n
	named.ID = id
	data, err := named.Encode()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", broker.ErrInvalid, err)
	}
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{Topic: b.topic(noticesTopic), Key: []byte(subject.Key(n.Tenant, n.User.ID)), Value: data, Headers: []kgo.RecordHeader{
		h("ce_specversion", "1.0"), h("ce_id", id), h("ce_source", "//riskd/"+n.Tenant), h("ce_type", notice.Type), h("content-type", notice.ContentType),
	}}, nil
}

// NewestNotice implements [broker.Notices].
func (b *Broker) NewestNotice(ctx context.Context) (uint64, error) {
	at, err := b.bounds(ctx, b.topic(noticesTopic), 0)
	return uint64(at.stable), err
}

// OpenNotices implements [broker.Notices].
func (b *Broker) OpenNotices(from uint64) (broker.NoticeReader, error) {
	tail, err := b.records.open(b.topic(noticesTopic), 0, offsetOf(from), 256, 256<<10, false)
	if err != nil {
		return nil, fmt.Errorf("opening notices: %w", err)
	}
	return &noticeReader{tail: tail}, nil
}

type noticeReader struct {
	tail *tail
	msgs []broker.Message
}

func (r *noticeReader) Close() { r.tail.Close() }

// Take implements [broker.NoticeReader].
func (r *noticeReader) Take(ctx context.Context, dst []broker.StoredNotice) ([]broker.StoredNotice, error) {
	var err error
	r.msgs, err = r.tail.Take(ctx, r.msgs[:0], 64, 64<<10)
	for i := range r.msgs {
		dst = append(dst, broker.DecodeNotice(&r.msgs[i]))
	}
	return dst, err
}
