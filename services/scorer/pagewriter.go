package scorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/schemas/subject"
)

// pageJob asks a writer to store one page, a section or the manifest.
type pageJob struct {
	log             broker.Log
	partition, page int
	names           []string // the section's name; those of all sections for the manifest
	stored          []byte   // of the manifest
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
	name := strconv.Itoa(job.page)
	var data []byte
	switch {
	case job.page == manifestPage:
		name = manifestName
		if data, err = json.Marshal(manifest{Version: 1, Pages: pageCount, Through: job.seq, Sections: job.names, Stored: job.stored}); err != nil {
			return 0, err
		}
	case job.page <= sectionPage:
		name, data = subject.SectionPage(job.names[0]), sealSection(job.raw)
	default:
		data = sealPage(job.raw)
	}
	rev, err = job.log.StorePage(ctx, name, job.rev, data)
	if err == nil || !errors.Is(err, broker.ErrConflict) {
		return rev, err
	}
	m, ok, err := job.log.ReadPage(ctx, name)
	if err != nil {
		return 0, err
	}
	if !ok {
		return job.log.StorePage(ctx, name, 0, data)
	}
	theirs, err := pageSeq(job.page, m.Data)
	if err != nil {
		return 0, err
	}
	switch {
	case theirs == job.seq: // our own, whose answer was lost
		return m.Rev, nil
	case theirs > job.seq:
		return 0, fmt.Errorf("page %d of partition %d is at %d, beyond our %d: %w", job.page, job.partition, theirs, job.seq, errFenced)
	}
	return job.log.StorePage(ctx, name, m.Rev, data)
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
