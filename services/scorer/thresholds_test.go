package scorer

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/adaptive"
	"github.com/riskd-io/riskd/pkg/backtest"
	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/pkg/risk/policy"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// hourly counts an event's second of receipt as its hour: the test has no hours to spare.
type hourly struct{ adaptive.State }

func (h *hourly) Hour(ms int64) int64 { return h.State.Hour(ms * 3600) }

func (h *hourly) StepUpAt(by policy.Adaptive, tenant string, ms int64) float64 {
	return h.State.StepUpAt(by, tenant, ms*3600)
}

func (h *hourly) Take(rec *riskdv1.JournalRecord) {
	for _, e := range rec.Entries {
		if e.Status == riskdv1.JournalEntry_STATUS_SCORED {
			h.Observe(e.Event.GetTenantId(), e.Enrichment.GetReceivedMs()*3600, e.Enrichment.GetStepUpAt(), e.Decision.GetPeakFrom(), e.Decision.GetPeakTo())
		}
	}
}

// The thresholds that a worker finds are in the journal, survive its death, and are those of the whole journal.
func TestAdaptiveThresholdsGoOnAfterATakeoverAndComeAgainInABacktest(t *testing.T) {
	const partitions = 2
	b := natstest.Start(t, partitions)
	engine := enginesOf(t, "id: moving\nthresholds: {step_up: 50, adaptive: {rate: 5, floor: 21, ceiling: 80, min_sessions: 20}}\n")
	pub, world := newPublisher(t, b.Conn, partitions), newWorld(31, 80)
	var mu sync.Mutex
	latest := map[int]*hourly{}
	start := func() *worker {
		return startWith(t, b, engine, func(p int) []Section {
			mu.Lock()
			defer mu.Unlock()
			latest[p] = new(hourly)
			return []Section{latest[p]}
		})
	}
	first := start()
	for range 5 {
		publishAll(t, pub, world.take(500))
		time.Sleep(300 * time.Millisecond)
	}
	first.kill()
	<-first.done
	second := start()
	publishAll(t, pub, world.take(1500))
	waitAccepted(t, b.JS, partitions, uint64(4000-world.dups))
	second.stop(t)

	whole, moved := make([]*hourly, partitions), map[float64]int{}
	r := natsjs.NewJournalReader(b.JS)
	defer r.Close()
	for p := range partitions {
		whole[p] = new(hourly)
		last, _, err := natsjs.LastRecord(t.Context(), b.JS, p)
		if err != nil {
			t.Fatal(err)
		}
		for at := uint64(0); at < last.Seq; {
			recs, err := r.Next(t.Context(), p, at, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range recs {
				at = s.Seq
				for _, e := range s.Record.Entries {
					if e.Status == riskdv1.JournalEntry_STATUS_SCORED {
						by := engine.Adaptive("acme", "")
						if want := whole[p].StepUpAt(by, "acme", e.Enrichment.ReceivedMs); want != e.Enrichment.StepUpAt {
							t.Fatalf("partition %d seq %d: judged by %g, the journal before it gives %g", p, at, e.Enrichment.StepUpAt, want)
						}
						moved[e.Enrichment.StepUpAt]++
					}
				}
				whole[p].Take(s.Record)
			}
		}
	}
	if len(moved) < 2 {
		t.Errorf("the threshold never moved: %v", moved)
	}
	for p, state := range latest {
		if !bytes.Equal(state.AppendTo(nil), whole[p].AppendTo(nil)) {
			t.Errorf("partition %d: the state after a takeover is not that of the whole journal", p)
		}
	}
	report, err := backtest.Run(t.Context(), backtest.Config{Live: engine, New: engine, Partitions: partitions}, backtest.Journal(b.JS, nil))
	if err != nil {
		t.Fatal(err)
	}
	if report.Recorded == 0 || report.Same != report.Recorded {
		t.Errorf("%d of %d decisions came again:\n%s", report.Same, report.Recorded, report.FirstDiffer)
	}
}

func TestARecordThatIsHeldEndsWithItsHour(t *testing.T) {
	p, log := lonePartition(t)
	p.s.hold, p.thresholds = time.Hour, new(hourly)
	msgs := messagesOf(t, quiet(4))
	for i := range msgs { // an hour of hourly is a second
		msgs[i].StoredNS = time.Now().Truncate(time.Second).Add(time.Duration(i/3) * time.Second).UnixNano()
	}
	if _, held, err := p.hold(msgs[:1]); err != nil || !held {
		t.Fatalf("held %v, %v", held, err)
	}
	if _, held, err := p.hold(msgs[1:]); err != nil || held {
		t.Fatalf("over the hour: held %v, %v", held, err)
	}
	if err := p.commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	next, err := p.take(t.Context(), 0)
	if err != nil || len(next) != 1 || next[0].Seq != 4 || log.records[0].InputLast != 3 {
		t.Errorf("the record ends at %d; next %v, %v", log.records[0].InputLast, next, err)
	}
	if _, held, err := p.hold(next); err != nil || !held {
		t.Fatalf("held %v, %v", held, err)
	}
	last := msgs[0] // all that comes is of the hour before: clocks of brokers may go back
	last.Seq = 5
	if _, held, err := p.hold([]broker.Message{last}); err != nil || held || len(p.held.msgs) != 1 || len(p.carry) != 1 {
		t.Errorf("nothing of its hour: held %v, %d in the record, %d carried, %v", held, len(p.held.msgs), len(p.carry), err)
	}
}
