package journal

import riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"

// slab hands out messages from blocks, so that reading a record costs few allocations.
type slab struct {
	entries     block[riskdv1.JournalEntry]
	events      block[riskdv1.Event]
	enrichments block[riskdv1.Enrichment]
	decisions   block[riskdv1.Decision]
	users       block[riskdv1.User]
	sessions    block[riskdv1.Session]
	devices     block[riskdv1.Device]
	networks    block[riskdv1.Network]
	https       block[riskdv1.Http]
	resources   block[riskdv1.Resource]
	agents      block[riskdv1.Agent]
	crowds      block[riskdv1.Crowd]
	scores      block[riskdv1.Scores]
	evidence    block[riskdv1.Part]
	details     block[riskdv1.Detail]
}

// block grows from one message to many.
type block[T any] struct {
	free []T
	size int
}

func (b *block[T]) next() *T {
	if len(b.free) == 0 {
		b.size = min(max(2*b.size, 1), 128)
		b.free = make([]T, b.size)
	}
	v := &b.free[0]
	b.free = b.free[1:]
	return v
}

// parts makes the messages within an event that its mask says are there.
func (s *slab) parts(e *riskdv1.Event, m uint64) {
	if m&(1<<0) != 0 {
		e.User = s.users.next()
	}
	if m&(1<<1) != 0 {
		e.Session = s.sessions.next()
	}
	if m&(1<<2) != 0 {
		e.Device = s.devices.next()
	}
	if m&(1<<3) != 0 {
		e.Network = s.networks.next()
	}
	if m&(1<<4) != 0 {
		e.Http = s.https.next()
	}
	if m&(1<<5) != 0 {
		e.Resource = s.resources.next()
	}
	if m&(1<<9) != 0 {
		e.Enforcement = new(riskdv1.Enforcement)
	}
	if m&(1<<10) != 0 {
		e.Feedback = new(riskdv1.Feedback)
	}
}
