package scorer

import (
	"context"
	"errors"
	"time"
)

const (
	// pagesPerTurn is how many pages are copied between two batches.
	pagesPerTurn = 4
	// sweepPerCheckpoint is how many pages are looked through for forgotten users at each checkpoint.
	sweepPerCheckpoint = 16
	// pagesAtOnce is how many pages of a worker are compressed and stored at once, where the broker does not say.
	pagesAtOnce = 2
	pageTimeout = 5 * time.Second
	// pageRetry waits before a failed page is tried again.
	pageRetry = 200 * time.Millisecond
	// expireMargin keeps users a little beyond the retention in the pages, lest a clock set back
	// make the rule in fold see a user whose profile is gone.
	expireMargin = 24 * time.Hour
)

// checkpoint is a partition's background writing of changed pages. It belongs to the partition's goroutine.
type checkpoint struct {
	active  bool
	from    uint64 // the state as of here is what this round makes safe
	todo    []int
	flying  int
	index   bool // the manifest is under way
	results chan pageResult
	spare   [][]byte
	retryAt time.Time

	// through and rev are the manifest's.
	through uint64
	rev     uint64
	// inputThrough is the input position at from; what is before may leave the input stream.
	inputThrough uint64

	events  int // stepped since the last round began
	began   time.Time
	sweep   int
	samples []keepSample
}

// due tells whether a round should begin, else how long until it may be.
func (p *partition) checkpointDue(now time.Time) (bool, time.Duration) {
	ck := &p.ck
	if ck.active || ck.events == 0 && p.at.seq == ck.through {
		return false, 0
	}
	limit := max(p.s.cfg.CheckpointEvents, p.st.users/2)
	if ck.events >= limit {
		return true, 0
	}
	if left := p.s.cfg.CheckpointEvery - now.Sub(ck.began); left > 0 {
		return false, left
	}
	return ck.events > 0, p.s.cfg.CheckpointEvery
}

// checkpointTurn moves the checkpoint on without waiting. It returns how soon it wants its next turn; 0: no hurry. Its only error is errFenced: a page says that
// somebody else has gone on from a later record.
func (p *partition) checkpointTurn(now time.Time) (time.Duration, error) {
	ck := &p.ck
	for {
		select {
		case r := <-ck.results:
			if errors.Is(r.err, errFenced) {
				return 0, errFenced
			}
			p.pageDone(r, now)
			continue
		default:
		}
		break
	}
	if !ck.active {
		due, left := p.checkpointDue(now)
		if !due {
			return left, nil
		}
		p.beginCheckpoint(now)
	}
	if now.Before(ck.retryAt) {
		return pageRetry, nil
	}
	enter(stageCheckpoint)
	for range pagesPerTurn {
		if len(ck.todo) == 0 {
			break
		}
		n := ck.todo[len(ck.todo)-1]
		if n < 0 && p.held != nil { // sections have prepared for what is held, which they can only take or undo
			p.holdUntil(now)
			break
		}
		var buf []byte
		if k := len(ck.spare); k > 0 {
			buf, ck.spare = ck.spare[k-1], ck.spare[:k-1]
		}
		job, err := p.pageJob(n, buf)
		if err != nil {
			p.checkpointFailed(err, now)
			return pageRetry, nil
		}
		select {
		case p.s.pageJobs <- job:
			if n >= 0 {
				p.st.pages[n].dirty = false
			}
			ck.todo = ck.todo[:len(ck.todo)-1]
			ck.flying++
		default:
			ck.spare = append(ck.spare, job.raw)
			return 2 * time.Millisecond, nil
		}
	}
	if len(ck.todo) == 0 && ck.flying == 0 && !ck.index {
		select {
		case p.s.pageJobs <- pageJob{log: p.log, partition: p.n, page: manifestPage, seq: ck.from, names: p.partNames(), stored: p.st.storedPages(), rev: ck.rev, reply: ck.results}:
			ck.index = true
		default:
		}
	}
	return 2 * time.Millisecond, nil
}

// pageJob is the writing of a page or section as it is now.
func (p *partition) pageJob(n int, buf []byte) (pageJob, error) {
	job := pageJob{log: p.log, partition: p.n, page: n, seq: p.at.seq, reply: p.ck.results}
	if n >= 0 {
		pg := &p.st.pages[n]
		job.raw, job.rev = pg.snapshot(buf, p.at.seq), pg.rev
		return job, nil
	}
	s := &p.parts[sectionPage-n]
	var err error
	job.names, job.rev = []string{s.Name()}, s.rev
	job.raw, err = s.snapshot(buf, p.at.seq)
	return job, err
}

func (p *partition) beginCheckpoint(now time.Time) {
	ck := &p.ck
	ck.active, ck.from, ck.inputThrough = true, p.at.seq, p.at.inputLast
	ck.events, ck.began = 0, now
	limit := p.clock - p.s.cfg.Retention.Milliseconds() - expireMargin.Milliseconds()
	for range sweepPerCheckpoint {
		p.s.metrics.expired.Add(float64(p.st.expire(ck.sweep, limit)))
		ck.sweep = (ck.sweep + 1) % pageCount
	}
	ck.todo = ck.todo[:0]
	for n := range p.st.pages {
		if p.st.pages[n].dirty {
			ck.todo = append(ck.todo, n)
		}
	}
	for i := range p.parts {
		ck.todo = append(ck.todo, sectionPage-i)
	}
}

func (p *partition) pageDone(r pageResult, now time.Time) {
	ck := &p.ck
	if r.page == manifestPage {
		ck.index = false
		if r.err != nil {
			p.checkpointFailed(r.err, now)
			return
		}
		ck.rev, ck.through, ck.active = r.rev, r.seq, false
		p.trim(now)
		return
	}
	ck.flying--
	if cap(r.raw) <= 4<<20 && len(ck.spare) < pagesPerTurn {
		ck.spare = append(ck.spare, r.raw)
	}
	if r.err != nil {
		if r.page >= 0 {
			p.st.pages[r.page].dirty = true
		}
		ck.todo = append(ck.todo, r.page)
		p.checkpointFailed(r.err, now)
		return
	}
	if r.page >= 0 {
		p.st.pages[r.page].rev = r.rev
	} else {
		p.parts[sectionPage-r.page].rev = r.rev
	}
	p.s.metrics.pages.Inc()
}

func (p *partition) checkpointFailed(err error, now time.Time) {
	p.s.metrics.checkpointFails.Inc()
	p.ck.retryAt = now.Add(pageRetry)
	if now.Sub(p.ckTold) > 10*time.Second {
		p.ckTold = now
		p.s.deps.Log.Warn("checkpoint is delayed", "partition", p.n, "error", err)
	}
}

// payingEvents is how many events a start steps again in the time in which a checkpoint writes one page: about 5 µs against 1 ms.
const payingEvents = 200

// checkpointPays tells whether a last checkpoint takes less time than the next start saves by it.
func (p *partition) checkpointPays() bool {
	if p.ck.active { // what is under way has been paid for
		return true
	}
	pages := len(p.parts) + 1
	for n := range p.st.pages {
		if p.st.pages[n].dirty {
			pages++
		}
	}
	return p.ck.events > payingEvents*pages
}

// finishCheckpoint writes all that is changed, for a graceful stop; it gives up when ctx ends.
func (p *partition) finishCheckpoint(ctx context.Context) {
	ck := &p.ck
	for p.at.seq != ck.through && ctx.Err() == nil {
		now := time.Now()
		if !ck.active {
			p.beginCheckpoint(now)
		}
		if _, err := p.checkpointTurn(now); err != nil || !ck.active {
			return
		}
		pauseFor(ctx, time.Millisecond)
	}
}
