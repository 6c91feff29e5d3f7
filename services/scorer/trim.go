package scorer

import (
	"context"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

// maxTrims bounds the partitions that wait to be trimmed; the next checkpoint asks again.
const maxTrims = 2048

// keepSample remembers which sequence was last at a time, for trimming by age.
type keepSample struct {
	at  time.Time
	seq uint64
}

// trim asks for the removal of what a restart cannot need: input that is in the journal, records that are
// in pages, published and older than the journal is kept.
func (p *partition) trim(now time.Time) {
	ck := &p.ck
	job := trimJob{log: p.log, partition: p.n, input: ck.inputThrough + 1}
	if keep := p.s.cfg.JournalKeep; keep > 0 {
		safe := min(ck.through, p.fx.publishedThrough(p.at.seq))
		if n := len(ck.samples); n == 0 || now.Sub(ck.samples[n-1].at) > keep/64 {
			ck.samples = append(ck.samples, keepSample{now, safe})
		}
		for len(ck.samples) > 0 && now.Sub(ck.samples[0].at) > keep {
			job.journal = ck.samples[0].seq // stays as the oldest
			ck.samples = ck.samples[1:]
		}
	}
	select {
	case p.s.trims <- job:
	default: // the next checkpoint asks again
	}
}

type trimJob struct {
	log            broker.Log
	partition      int
	input, journal uint64 // oldest sequence to keep; 0: leave alone
}

// trimStreams removes what partitions no longer need, one after the other.
func (s *Service) trimStreams(ctx context.Context) {
	var told time.Time // what waited for one that took long fails with it, all at once
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.trims:
			if err := s.trimOne(ctx, j); err != nil && ctx.Err() == nil && time.Since(told) > 10*time.Second {
				told = time.Now()
				s.deps.Log.Warn("streams are not trimmed yet", "partition", j.partition, "error", err)
			}
		}
	}
}

func (s *Service) trimOne(ctx context.Context, j trimJob) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := j.log.TrimInput(ctx, j.input); err != nil {
		return err
	}
	if j.journal == 0 {
		return nil
	}
	return j.log.TrimRecords(ctx, j.journal)
}
