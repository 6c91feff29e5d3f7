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

// pageJob asks a writer to store one page, a section or the manifest.
type pageJob struct {
	partition, page int
	names           []string // the section's name; those of all sections for the manifest
	seq             uint64   // of the snapshot; of the manifest: through
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

type trimJob struct {
	partition      int
	input, journal uint64 // oldest sequence to keep; 0: leave alone
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
	switch {
	case job.page == manifestPage:
		subj = manifestSubject(job.partition)
		if data, err = json.Marshal(manifest{Version: 1, Pages: pageCount, Through: job.seq, Sections: job.names}); err != nil {
			return 0, err
		}
	case job.page <= sectionPage:
		subj, data = subject.Section(job.partition, job.names[0]), sealSection(job.raw)
	default:
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
	if page <= sectionPage {
		seq, _, _, err := openSection(stored)
		return seq, err
	}
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
