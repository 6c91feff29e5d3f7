package sink

import (
	"context"
	"sync"
	"time"

	"github.com/riskd-io/riskd/pkg/journal"
)

// layout is a batch as it is inserted: where it ends in each partition, and its rows.
type layout struct {
	cuts    []cut
	rows    *batch
	entries int
}

// lay makes rows of records, which are in the order of their partitions.
func lay(cuts []cut, records []journal.Stored) layout {
	l := layout{cuts: cuts, rows: newBatch(records)}
	for i := range records {
		l.rows.add(&records[i])
		l.entries += len(records[i].Record.Entries)
	}
	return l
}

// cutter gathers records and lays the next batch out while the server is busy with the one before. A batch ends when it is full or, once
// its first record has waited long enough, when somebody wants one: where the server is slow, batches become larger instead of more.
type cutter struct {
	in     <-chan piece
	out    chan layout
	wanted chan struct{} // received from when what is gathered may be cut
	cfg    *Config
	stop   context.CancelFunc
	wg     sync.WaitGroup
}

func (s *Service) startCutter(ctx context.Context, in <-chan piece) *cutter {
	ctx, cancel := context.WithCancel(ctx)
	c := &cutter{in: in, out: make(chan layout), wanted: make(chan struct{}), cfg: &s.cfg, stop: cancel}
	c.wg.Go(func() {
		for {
			got, ok := c.gather(ctx)
			if !ok {
				return
			}
			select {
			case c.out <- got.lay():
			case <-ctx.Done():
				return
			}
		}
	})
	return c
}

// close ends the cutter and waits for it; what it has gathered is read again.
func (c *cutter) close() {
	c.stop()
	c.wg.Wait()
}

// gathered is what partitions have handed over for a batch.
type gathered map[int][]journal.Stored

// gather takes pieces until the next batch may be cut; false when ctx ended first.
func (c *cutter) gather(ctx context.Context) (got gathered, ok bool) {
	got = gathered{}
	rows, bytes := 0, 0
	var waited <-chan time.Time
	var wanted <-chan struct{} // while its first record has not waited long enough it is not
	for rows < c.cfg.MaxRows && bytes < c.cfg.MaxBytes {
		var p piece
		select {
		case p = <-c.in:
		case <-waited:
			wanted = c.wanted
			continue
		case <-wanted:
			return got, true
		case <-ctx.Done():
			return nil, false
		}
		if len(got) == 0 {
			timer := time.NewTimer(c.cfg.MaxWait)
			defer timer.Stop()
			waited = timer.C
		}
		got[p.partition] = append(got[p.partition], p.records...)
		for i := range p.records {
			rows += max(1, len(p.records[i].Record.Entries))
			bytes += p.records[i].Size
		}
	}
	return got, true
}

// lay cuts what is there, partition by partition.
func (g gathered) lay() layout {
	var cuts []cut
	for part, records := range g {
		end := positionOf(&records[len(records)-1])
		cuts = append(cuts, cut{partition: part, after: records[0].Seq - 1, last: end.seq, hash: end.hash, written: end.written})
	}
	sortCuts(cuts)
	var all []journal.Stored
	for _, c := range cuts {
		all = append(all, g[c.partition]...)
	}
	return lay(cuts, all)
}
