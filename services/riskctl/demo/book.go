package demo

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	// countEvery is how often the journal's totals are read while the demo runs.
	countEvery = 150 * time.Millisecond
	// newsMost is how many step-ups the view keeps.
	newsMost = 12
)

// book keeps what riskd says while the demo runs: the journal's totals and the signals. It is for the view
// and for the pace; the proof at the end reads the record itself. Safe for concurrent use.
type book struct {
	road road

	decided atomic.Int64 // of all events, with those not scored

	mu     sync.Mutex
	totals riskdv1.Counts
	funnel funnel
	news   []string // newest last
	fresh  int      // of news, not yet shown by the plain view
}

// funnel counts challenges.
type funnel struct {
	raised, satisfied, denied, expired int
	// attackers are those of raised with a thief behind them.
	attackers int
}

func newBook(r road) *book { return &book{road: r} }

// follow reads totals and signals until ctx ends.
func (b *book) follow(ctx context.Context, truth func(tenant, session string) (simulate.Truth, bool)) {
	signals := make(chan struct{})
	go func() {
		defer close(signals)
		b.signals(ctx, truth)
	}()
	defer func() { <-signals }()
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.count(ctx)
	}
}

func (b *book) count(ctx context.Context) {
	var t riskdv1.Counts
	for p := range b.road.partitions() {
		last, ok, err := b.road.Log(p).Last(ctx)
		if err != nil {
			return // the next reading will do
		}
		if !ok {
			continue
		}
		c := last.Record.GetTotals()
		t.Accepted += c.GetAccepted()
		t.Scored += c.GetScored()
		t.Duplicate += c.GetDuplicate()
		t.Late += c.GetLate()
		t.DeadLettered += c.GetDeadLettered()
	}
	b.decided.Store(int64(t.Accepted))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.totals.Accepted, b.totals.Scored, b.totals.Duplicate, b.totals.Late, b.totals.DeadLettered = t.Accepted, t.Scored, t.Duplicate, t.Late, t.DeadLettered
}

// signals follows the stream of signals; when it breaks it starts over with what is new.
func (b *book) signals(ctx context.Context, truth func(tenant, session string) (simulate.Truth, bool)) {
	for ctx.Err() == nil {
		_ = b.road.signals(ctx, func(sig *riskdv1.Signal) { b.signal(sig, truth) })
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (b *book) signal(sig *riskdv1.Signal, truth func(tenant, session string) (simulate.Truth, bool)) {
	t, known := truth(sig.TenantId, sig.SessionId)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch sig.State {
	case "required":
		if sig.Revision > 1 {
			return
		}
		b.funnel.raised++
		if known && t.Kind != simulate.Honest {
			b.funnel.attackers++
		}
		b.tell(sig, t, known)
	case "satisfied":
		b.funnel.satisfied++
	case "denied":
		b.funnel.denied++
	case "expired":
		b.funnel.expired++
	}
}

// tell writes a step-up as one line: who, why, and who it really was.
func (b *book) tell(sig *riskdv1.Signal, t simulate.Truth, known bool) {
	reasons := sig.GetRisk().GetReasons()
	if rule := sig.GetPolicy().GetRule(); rule != "" {
		reasons = append([]string{rule}, reasons...)
	}
	if len(reasons) == 0 {
		reasons = []string{sig.Cause}
	}
	why := strings.ReplaceAll(strings.Join(reasons[:min(3, len(reasons))], ", "), "_", " ")
	b.news = append(b.news, line1(sig, why, t, known))
	b.fresh++
	if len(b.news) > newsMost {
		b.news = append(b.news[:0], b.news[len(b.news)-newsMost:]...)
	}
	b.fresh = min(b.fresh, len(b.news))
}

func (b *book) read() (totals *riskdv1.Counts, f funnel, news []string, fresh int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &riskdv1.Counts{Accepted: b.totals.Accepted, Scored: b.totals.Scored, Duplicate: b.totals.Duplicate, Late: b.totals.Late, DeadLettered: b.totals.DeadLettered}
	fresh, b.fresh = b.fresh, 0
	return t, b.funnel, append([]string(nil), b.news...), fresh
}
