package scorer

import (
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// Thresholds is a section that knows the adaptive thresholds of tenants: *adaptive.State.
type Thresholds interface {
	Section
	// Hour is the hour in which an event counts that the broker took at a time, Unix milliseconds. What holds for an hour
	// follows from the hours before it, so a record has events of one hour only.
	Hour(receivedMS int64) int64
	// StepUpAt is the threshold for an event, risk 0..100; 0 is none.
	StepUpAt(by policy.Adaptive, tenant string, receivedMS int64) float64
}

// adapting is an engine whose policies may move their thresholds.
type adapting interface {
	Adaptive(tenant, user string) policy.Adaptive
}

// findThresholds finds the section among a partition's.
func findThresholds(parts []part) Thresholds {
	for i := range parts {
		if t, ok := parts[i].Section.(Thresholds); ok {
			return t
		}
	}
	return nil
}

// oneHour cuts messages where the hour of the record they are for ends; the rest is carried to the next record.
func (p *partition) oneHour(b *batch, msgs []broker.Message) []broker.Message {
	if p.thresholds == nil || len(msgs) == 0 {
		return msgs
	}
	first := &msgs[0]
	if len(b.msgs) > 0 {
		first = &b.msgs[0]
	}
	hour := p.thresholds.Hour(first.StoredNS / 1e6)
	for i := range msgs {
		if p.thresholds.Hour(msgs[i].StoredNS/1e6) != hour {
			p.carryOver(msgs[i:])
			return msgs[:i]
		}
	}
	return msgs
}

// lookUp writes the threshold in force into what was looked up for an event.
func (p *partition) lookUp(pb *riskdv1.Event, en *riskdv1.Enrichment) {
	if e, ok := p.by.engine.(adapting); ok && p.thresholds != nil {
		en.StepUpAt = p.thresholds.StepUpAt(e.Adaptive(pb.TenantId, pb.User.GetId()), pb.TenantId, en.ReceivedMs)
	}
}
