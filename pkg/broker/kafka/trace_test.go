//go:build chaos

package kafka_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/riskd-io/riskd/pkg/broker/kafka"
)

// trace says what happened around records that are gone: what is stored in the partition's journal there, which marks ended it, and what the
// coordinator's log says about the partition's transactional ids.
func trace(t *testing.T, cfg kafka.Config, partition int, gone []uint64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(cfg.Prefix+"journal", "__transaction_state"), kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, cfg.Prefix+"journal", "__transaction_state")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			open[fmt.Sprint(o.Topic, o.Partition)] = true
		}
	})
	lines := map[string]string{} // by time, for one order
	producers := map[int64]bool{}
	add := func(r *kgo.Record, format string, a ...any) {
		lines[fmt.Sprintf("%s %s/%d@%06d", r.Timestamp.UTC().Format("15:04:05.000"), strings.TrimPrefix(r.Topic, cfg.Prefix), r.Partition, r.Offset)] = fmt.Sprintf(format, a...)
	}
	lo, hi := int64(slices.Min(gone))-12, int64(slices.Max(gone))+12
	var from, to time.Time
	var states []*kgo.Record
	for len(open) > 0 && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			if o, _ := ends.Lookup(r.Topic, r.Partition); r.Offset+1 >= o.Offset {
				delete(open, fmt.Sprint(r.Topic, r.Partition))
			}
			switch {
			case r.Topic == "__transaction_state":
				states = append(states, r)
			case int(r.Partition) != partition || r.Offset < lo || r.Offset > hi:
			default:
				producers[r.ProducerID] = true
				if from.IsZero() {
					from = r.Timestamp
				}
				to = r.Timestamp
				what := "record"
				if r.Attrs.IsControl() {
					what = map[bool]string{true: "COMMIT", false: "ABORT"}[len(r.Key) >= 4 && r.Key[3] == 1]
				}
				if slices.Contains(gone, uint64(r.Offset)+1) {
					what += " GONE"
				}
				add(r, "producer %d epoch %d %s", r.ProducerID, r.ProducerEpoch, what)
			}
		})
	}
	for _, r := range states {
		k, v := kmsg.NewTxnMetadataKey(), kmsg.NewTxnMetadataValue()
		if r.Value == nil || k.ReadFrom(r.Key) != nil || v.ReadFrom(r.Value) != nil || !producers[v.ProducerID] ||
			r.Timestamp.Before(from.Add(-time.Second)) || r.Timestamp.After(to.Add(15*time.Second)) {
			continue
		}
		var at []string
		for _, p := range v.Topics {
			at = append(at, fmt.Sprint(strings.TrimPrefix(p.Topic, cfg.Prefix), p.Partitions))
		}
		add(r, "%s producer %d epoch %d %s %v", strings.TrimPrefix(k.TransactionalID, cfg.Prefix), v.ProducerID, v.ProducerEpoch, v.State, at)
	}
	for _, at := range slices.Sorted(maps.Keys(lines)) {
		fmt.Println("trace:", at, lines[at])
	}
}
