package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/riskd-io/riskd/pkg/journal"
)

// carry reads the books, finishes what is open, and persists until something fails.
func (s *Service) carry(ctx context.Context) (progress bool, err error) {
	if s.prepare != nil && !s.prepared {
		if err := s.prepare(ctx); err != nil {
			return false, err
		}
		s.prepared = true
	}
	st, err := s.books.load(ctx)
	if err != nil {
		return false, err
	}
	if st.open != nil {
		if err := s.resend(ctx, &st); err != nil {
			return false, err
		}
		progress = true
	}
	s.setPositions(st.at)
	s.setState(nil)

	r := s.startReaders(ctx, st.at)
	defer r.close()
	c := s.startCutter(ctx, r.out)
	defer c.close()
	for {
		next, err := s.next(ctx, c, st.done)
		if err != nil {
			return progress, err
		}
		p := &plan{batch: st.done + 1, writer: s.writer, cutAt: time.UnixMilli(time.Now().UnixMilli()).UTC(), cuts: next.cuts}
		if err := s.commit(ctx, p, next, true); err != nil {
			return progress, err
		}
		st.done = p.batch
		for _, c := range p.cuts {
			st.at[c.partition] = position{c.last, c.hash, c.written}
		}
		s.setPositions(st.at)
		progress = true
	}
}

// next waits for a batch, for MaxWait at least unless one is full: one of 500 rows costs the server some 0.3 s, one of 50,000 a whole second, and
// on a machine that it shares with the scorer that is what a flag then waits for. done is the last one that was finished.
func (s *Service) next(ctx context.Context, c *cutter, done uint64) (layout, error) {
	idle := time.NewTicker(s.cfg.LagEvery)
	defer idle.Stop()
	pause := time.NewTimer(s.cfg.MaxWait)
	defer pause.Stop()
	var wanted chan<- struct{}
	for {
		select {
		case got := <-c.out:
			return got, nil
		case <-pause.C:
			wanted = c.wanted
		case wanted <- struct{}{}: // it is being laid out
			wanted = nil
		case <-idle.C: // emptied while there is nothing to do
			if err := s.books.unchanged(ctx, done); err != nil {
				return layout{}, err
			}
		case <-ctx.Done():
			return layout{}, ctx.Err()
		}
	}
}

// resend finishes a batch that was cut before: by this sink, by one that crashed, or by another.
func (s *Service) resend(ctx context.Context, st *state) error {
	p := st.open
	s.log.Info("finishing an open batch", "batch", p.batch, "cut_by", p.writer, "cut_at", p.cutAt)
	var records []journal.Stored
	for i := range p.cuts {
		c := &p.cuts[i]
		if at := st.at[c.partition]; at.seq > c.after {
			return fmt.Errorf("batch %d takes partition %d from %d, but it is persisted to %d: the sink's books contradict each other", p.batch, c.partition, c.after, at.seq)
		}
		got, err := s.reread(ctx, *c)
		if err != nil {
			return err
		}
		if len(got) > 0 {
			c.written = positionOf(&got[len(got)-1]).written
		}
		records = append(records, got...)
	}
	if err := s.commit(ctx, p, lay(p.cuts, records), false); err != nil {
		return err
	}
	s.m.resent.Inc()
	st.done = p.batch
	for _, c := range p.cuts {
		st.at[c.partition] = position{c.last, c.hash, c.written}
	}
	return nil
}

// commit writes the cut down (when it is new), inserts the rows and saves the positions.
func (s *Service) commit(ctx context.Context, p *plan, l layout, fresh bool) error {
	// A stop lets the batch finish; it does not wait for a ClickHouse that hangs.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		sleep(work, s.cfg.StopGrace)
		cancel()
	})
	defer stop()

	b := l.rows
	if b.unknown > 0 {
		return fmt.Errorf("batch %d has %d journal entries of a kind that this version does not know; a newer riskd wrote them", p.batch, b.unknown)
	}
	var read time.Time // when the books last said that this batch is the next one
	if fresh {
		read = time.Now()
		if err := s.books.unchanged(work, p.batch-1); err != nil {
			return err
		}
		if err := s.books.cut(work, p, b.counts()); err != nil {
			return err
		}
	}
	id := fmt.Sprintf("%s/%d/%s", s.cfg.Name, p.batch, fingerprint(p.cuts))
	for _, f := range b.frames() {
		if f.rows() == 0 {
			continue
		}
		// Tokens are remembered for a number of inserts. Whoever was held up meanwhile (a stopped process, a moved
		// machine) may come back when another sink has finished this batch and its tokens are forgotten.
		if elapsed(read, time.Now()) > s.trust {
			read = time.Now()
			if err := s.books.due(work, p.batch); err != nil {
				return err
			}
		}
		start := time.Now()
		one, done := context.WithTimeout(work, s.cfg.Timeout)
		err := s.insert(one, f.table(s.cfg.table), id+"/"+f.name)
		done()
		if err != nil {
			return fmt.Errorf("batch %d: %w", p.batch, err)
		}
		s.m.insert.WithLabelValues(f.name).Observe(time.Since(start).Seconds())
		s.m.rows.WithLabelValues(f.name).Add(float64(f.rows()))
	}
	if err := s.books.save(work, p, time.Now().UTC()); err != nil {
		return err
	}
	s.m.size.Observe(float64(l.entries))
	s.m.batches.Inc()
	return nil
}

// booksTrust is far below the time in which 10 000 inserts into one table, the deduplication window, can pass.
const booksTrust = 5 * time.Second

// elapsed is the time between two readings, by the clock that counted more: the monotonic one may stand still while a
// machine is suspended, the wall clock may be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
