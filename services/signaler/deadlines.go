package signaler

import (
	"container/heap"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// deadline is when an open flag has to be answered.
type deadline struct {
	key      string
	revision uint64
	signal   *riskdv1.Signal
	at       time.Time
	reports  int // of this revision
	index    int // in the heap
}

// learn takes changes of the bucket.
func (s *Service) learn(flags []broker.Flag) {
	for i := range flags {
		s.learnOne(&flags[i])
	}
	s.metrics.open.Set(float64(len(s.open)))
}

func (s *Service) learnOne(f *broker.Flag) {
	d := s.open[f.Key]
	if f.Signal == nil || f.Signal.State != "required" {
		if d != nil {
			heap.Remove(&s.due, d.index)
			delete(s.open, f.Key)
		}
		return
	}
	at := f.Created.Add(broker.FlagLeft(f.Signal) + s.cfg.Slack)
	if d != nil {
		d.revision, d.signal, d.at, d.reports = f.Revision, f.Signal, at, 0
		heap.Fix(&s.due, d.index)
		return
	}
	if len(s.open) >= s.cfg.MaxFlags {
		s.metrics.overflow.Inc()
		return
	}
	d = &deadline{key: f.Key, revision: f.Revision, signal: f.Signal, at: at}
	s.open[f.Key] = d
	heap.Push(&s.due, d)
}

// untilDue is how long nothing has to be reported.
func (s *Service) untilDue() time.Duration {
	if len(s.due) == 0 {
		return time.Minute
	}
	return min(max(s.due[0].at.Sub(s.now()), time.Millisecond), time.Minute)
}

// deadlines is a heap by time.
type deadlines []*deadline

func (h deadlines) Len() int           { return len(h) }
func (h deadlines) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h deadlines) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *deadlines) Push(x any) {
	d := x.(*deadline)
	d.index = len(*h)
	*h = append(*h, d)
}
func (h *deadlines) Pop() any {
	old := *h
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return d
}
