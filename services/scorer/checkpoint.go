package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/schemas/subject"
)

const (
	// pagesPerTurn is how many pages are copied between two batches.
	pagesPerTurn = 4
	// sweepPerCheckpoint is how many pages are looked through for forgotten users at each checkpoint.
	sweepPerCheckpoint = 16
	// pageWriters is how many pages of a worker are compressed and stored at once.
	pageWriters = 2
	pageTimeout = 5 * time.Second
	// pageRetry waits before a failed page is tried again.
	pageRetry = 200 * time.Millisecond
	// expireMargin keeps users a little beyond the retention in the pages, lest a clock set back
	// make the rule in fold see a user whose profile is gone.
	expireMargin = 24 * time.Hour
	manifestPage = -1
)

// manifest is the page stream's index: every stored page is complete at least up to Through.
type manifest struct {
	Version int    `json:"v"`
	Pages   int    `json:"pages"`
	Through uint64 `json:"through"`
}

func manifestSubject(partition int) string {
	return fmt.Sprintf("%s.%d.manifest", subject.Pages, partition)
}

// pageJob asks a writer to store one page, or the manifest.
type pageJob struct {
	partition, page int
	seq             uint64 // of the snapshot; of the manifest: through
	raw             []byte
	rev             uint64
	reply           chan<- pageResult
}

type pageResult struct {
	page int
	seq  uint64
	rev  uint64
	raw  []byte // for the next snapshot
	err  error
}

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

// keepSample remembers which sequence was last at a time, for trimming by age.
type keepSample struct {
	at  time.Time
	seq uint64
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

// checkpointTurn moves the checkpoint on without waiting. It returns how soon it wants its next turn; 0: no hurry.
func (p *partition) checkpointTurn(now time.Time) time.Duration {
	ck := &p.ck
	for {
		select {
		case r := <-ck.results:
			p.pageDone(r, now)
			continue
		default:
		}
		break
	}
	if !ck.active {
		due, left := p.checkpointDue(now)
		if !due {
			return left
		}
		p.beginCheckpoint(now)
	}
	if now.Before(ck.retryAt) {
		return pageRetry
	}
	enter(stageCheckpoint)
	for range pagesPerTurn {
		if len(ck.todo) == 0 {
			break
		}
		n := ck.todo[len(ck.todo)-1]
		pg := &p.st.pages[n]
		var buf []byte
		if k := len(ck.spare); k > 0 {
			buf, ck.spare = ck.spare[k-1], ck.spare[:k-1]
		}
		job := pageJob{partition: p.n, page: n, seq: p.at.seq, raw: pg.snapshot(buf, p.at.seq), rev: pg.rev, reply: ck.results}
		select {
		case p.s.pageJobs <- job:
			pg.dirty = false
			ck.todo = ck.todo[:len(ck.todo)-1]
			ck.flying++
		default:
			ck.spare = append(ck.spare, job.raw)
			return 2 * time.Millisecond
		}
	}
	if len(ck.todo) == 0 && ck.flying == 0 && !ck.index {
		select {
		case p.s.pageJobs <- pageJob{partition: p.n, page: manifestPage, seq: ck.from, rev: ck.rev, reply: ck.results}:
			ck.index = true
		default:
		}
	}
	return 2 * time.Millisecond
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
	pg := &p.st.pages[r.page]
	if r.err != nil {
		pg.dirty = true
		ck.todo = append(ck.todo, r.page)
		p.checkpointFailed(r.err, now)
		return
	}
	pg.rev = r.rev
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

// trim asks for the removal of what a restart cannot need: input that is in the journal, records that are
// in pages, published and older than the journal is kept.
func (p *partition) trim(now time.Time) {
	ck := &p.ck
	job := trimJob{partition: p.n, input: ck.inputThrough + 1}
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
	partition      int
	input, journal uint64 // oldest sequence to keep; 0: leave alone
}

// finishCheckpoint writes all that is changed, for a graceful stop; it gives up when ctx ends.
func (p *partition) finishCheckpoint(ctx context.Context) {
	ck := &p.ck
	for p.at.seq != ck.through && ctx.Err() == nil {
		now := time.Now()
		if !ck.active {
			p.beginCheckpoint(now)
		}
		p.checkpointTurn(now)
		if !ck.active {
			return
		}
		pauseFor(ctx, time.Millisecond)
	}
}

// writePages stores pages until ctx ends.
func (s *Service) writePages(ctx context.Context) {
	enter(stageCheckpoint)
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-s.pageJobs:
			r := pageResult{page: job.page, seq: job.seq, raw: job.raw}
			r.rev, r.err = s.writePage(ctx, job)
			job.reply <- r // has room for every page and the manifest
		}
	}
}

// writePage stores one page if nobody wrote it since. Whoever did owned the partition before us, and what
// they wrote is committed state, but it may be older than ours: then we write over theirs.
func (s *Service) writePage(ctx context.Context, job pageJob) (rev uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	var subj string
	var data []byte
	if job.page == manifestPage {
		subj = manifestSubject(job.partition)
		if data, err = json.Marshal(manifest{Version: 1, Pages: pageCount, Through: job.seq}); err != nil {
			return 0, err
		}
	} else {
		subj = subject.Page(job.partition, job.page)
		data = sealPage(job.raw)
	}
	rev, err = natsjs.StoreIf(ctx, s.deps.JS, subj, job.rev, data)
	if err == nil || !natsjs.IsConflict(err) {
		return rev, err
	}
	m, err := natsjs.ReadLast(ctx, s.deps.JS, subject.PagesStream(job.partition), subj)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return natsjs.StoreIf(ctx, s.deps.JS, subj, 0, data)
	}
	if err != nil {
		return 0, err
	}
	theirs, err := pageSeq(job.page, m.Data)
	if err != nil {
		return 0, err
	}
	if theirs >= job.seq {
		return 0, fmt.Errorf("page %d of partition %d is at %d, beyond our %d: %w", job.page, job.partition, theirs, job.seq, errFenced)
	}
	return natsjs.StoreIf(ctx, s.deps.JS, subj, m.Seq, data)
}

// pageSeq is the journal sequence that stored bytes hold.
func pageSeq(page int, stored []byte) (uint64, error) {
	if page == manifestPage {
		var m manifest
		err := json.Unmarshal(stored, &m)
		return m.Through, err
	}
	return newStore().openPage(page, stored)
}

// trimStreams removes what partitions no longer need, one after the other.
func (s *Service) trimStreams(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.trims:
			if err := s.trimOne(ctx, j); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("streams are not trimmed yet", "partition", j.partition, "error", err)
			}
		}
	}
}

func (s *Service) trimOne(ctx context.Context, j trimJob) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := natsjs.PurgeBelow(ctx, s.deps.JS, subject.EventsStream(j.partition), j.input); err != nil {
		return err
	}
	if j.journal == 0 {
		return nil
	}
	return natsjs.PurgeBelow(ctx, s.deps.JS, subject.JournalStream(j.partition), j.journal)
}
