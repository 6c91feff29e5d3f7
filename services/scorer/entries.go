package scorer

import (
	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/risk/event"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// maxRaw cuts the message that a dead entry holds.
	maxRaw = 64 << 10
	// maxDetail bounds the text of a dead entry.
	maxDetail = 256
	// reasonPartition: the message lies in a partition that is not its user's. Its sender computed the
	// partition wrongly; scoring it here would give the user a second profile.
	reasonPartition = "wrong_partition"
)

// room is the memory of one event with what most events have, in one piece: decoding, looking up and stepping come to it at
// three times, each time from far away.
type room struct {
	entry    riskdv1.JournalEntry
	parsed   wire.Parsed
	event    riskdv1.Event
	user     riskdv1.User
	session  riskdv1.Session
	device   riskdv1.Device
	network  riskdv1.Network
	http     riskdv1.Http
	resource riskdv1.Resource
	looked   riskdv1.Enrichment
	crowd    riskdv1.Crowd
	attrs    [roomAttributes]event.Attribute
}

// roomAttributes is how many attributes an event has room for; one that has more is given more.
const roomAttributes = 8

// grow makes room for n events.
func (b *batch) grow(n int) {
	more := make([]room, max(n-len(b.entries), 0))
	for i := range more {
		r := &more[i]
		r.event.User, r.event.Session, r.event.Device = &r.user, &r.session, &r.device
		r.event.Network, r.event.Http, r.event.Resource = &r.network, &r.http, &r.resource
		r.looked.Crowd, r.parsed.Event, r.parsed.Attributes = &r.crowd, &r.event, r.attrs[:0]
		b.entries = append(b.entries, &r.entry)
		b.parsed = append(b.parsed, &r.parsed)
		b.looked = append(b.looked, &r.looked)
	}
}

// read decodes message i into its entry; what is no event becomes a dead entry at once.
func (b *batch) read(s *Service, p *partition, i int, m *broker.Message) {
	e, read := b.entries[i], b.parsed[i]
	empty(e)
	e.Input = m.Seq
	if err := read.Decode(m.Envelope, m.Data); err != nil {
		bury(e, wire.Reason(err), err.Error(), m.Data)
		return
	}
	pb := read.Event
	if s.ownPartitions && subject.Partition(pb.TenantId, pb.User.GetId(), s.partitions) != p.n {
		bury(e, reasonPartition, "its user belongs to another partition", m.Data)
		return
	}
	if s.partitionOf != nil {
		b.elsewhere.look(p.n, s.partitionOf(pb.TenantId, pb.User.GetId()), pb)
	}
	e.Event = pb
}

// empty forgets all of an entry; Reset would look up its type each time.
func empty(e *riskdv1.JournalEntry) {
	e.Input, e.Status, e.Event, e.Enrichment, e.Decision = 0, 0, nil, nil, nil
	e.Reason, e.Detail, e.Raw = "", "", nil
}

// lookUp adds to the events from one entry to another what is known of the world, and gives them to the fold.
func (b *batch) lookUp(s *Service, p *partition, from, to int) {
	b.asks = b.asks[:0]
	for i := from; i < to; i++ {
		if e := b.entries[i]; e.Event != nil {
			e.Enrichment = b.looked[i]
			b.asks = append(b.asks, enrich.Lookup{Event: e.Event, Addr: b.parsed[i].Addr, ReceivedMS: b.msgs[i].StoredNS / 1e6, Out: e.Enrichment})
		}
	}
	s.deps.Enricher.EnrichIn(p.n, b.asks)
	for i := from; i < to; i++ {
		if e := b.entries[i]; e.Event != nil {
			p.lookUp(e.Event, e.Enrichment)
			b.fold.add(b.parsed[i], e, i)
		}
	}
}

// bury makes a dead entry of a message that could not be read.
func bury(e *riskdv1.JournalEntry, reason, detail string, data []byte) {
	e.Status = riskdv1.JournalEntry_STATUS_DEAD
	e.Reason, e.Detail = reason, detail[:min(len(detail), maxDetail)]
	e.Raw = data[:min(len(data), maxRaw)]
}
