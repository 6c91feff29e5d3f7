package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Positions keep how far the events have been read by somebody beside riskd's workers: offsets of a consumer group without members,
// which every tool shows. They implement bridge.Positions.
type Positions struct {
	b     *Broker
	group string
}

// Positions are those of a name.
func (b *Broker) Positions(name string) *Positions { return &Positions{b, b.cfg.Prefix + name} }

// Load is the last sequence that was read, 0 at first.
func (p *Positions) Load(ctx context.Context, partition int) (uint64, error) {
	got, err := p.b.adm.FetchOffsetsForTopics(ctx, p.group, p.b.topic(eventsTopic))
	if errors.Is(err, kerr.GroupIDNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the offsets of group %s: %w", p.group, explain(err))
	}
	o, ok := got.Lookup(p.b.topic(eventsTopic), int32(partition))
	if ok && o.Err != nil {
		return 0, fmt.Errorf("reading the offsets of group %s: %w", p.group, explain(o.Err))
	}
	return uint64(max(0, o.At)), nil
}

// Store says that everything up to a sequence was read.
func (p *Positions) Store(ctx context.Context, partition int, last uint64) error {
	var offsets kadm.Offsets
	offsets.AddOffset(p.b.topic(eventsTopic), int32(partition), int64(last), -1)
	done, err := p.b.adm.CommitOffsets(ctx, p.group, offsets)
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return fmt.Errorf("storing the offsets of group %s: %w", p.group, explain(err))
	}
	return nil
}
