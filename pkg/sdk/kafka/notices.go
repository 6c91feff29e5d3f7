package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/schemas/notice"
)

// Notices implements [sdk.NoticeBroker].
func (b *Broker) Notices(ctx context.Context, since time.Time, handle func(*sdk.Notice, time.Time)) error {
	topic := b.cfg.Prefix + "notices"
	cl, err := kgo.NewClient(append(b.base[:len(b.base):len(b.base)], kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(since.UnixMilli())))...)
	if err != nil {
		return fmt.Errorf("reading %s: %w", topic, err)
	}
	defer cl.Close()
	for {
		got := cl.PollRecords(ctx, 256)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		got.EachRecord(func(r *kgo.Record) {
			if n, err := notice.Decode(r.Value); err == nil {
				handle(n, r.Timestamp)
			}
		})
		if err := got.Err0(); err != nil {
			return fmt.Errorf("reading %s: %w", topic, err)
		}
	}
}
