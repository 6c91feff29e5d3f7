package scorer

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
)

// aheadLog is a partition whose pages somebody else has written.
type aheadLog struct {
	keptLog
	seq uint64 // that they hold
}

func (l *aheadLog) StorePage(context.Context, string, uint64, []byte) (uint64, error) {
	return 0, broker.ErrConflict
}

func (l *aheadLog) ReadPage(context.Context, string) (broker.Page, bool, error) {
	return broker.Page{Data: sealPage(newStore().pages[0].snapshot(nil, l.seq)), Rev: 7}, true, nil
}

// Somebody else has judged further, and the assignment has come back before we noticed: our journal's end is theirs, the input that we wait for is trimmed. It is the
// pages that tell; a worker that only said that its checkpoint is delayed held the partition for as long as nobody looked.
func TestAWorkerWhosePagesAreBehindLetsGo(t *testing.T) {
	p, _ := lonePartition(t)
	p.log, p.tail = &aheadLog{keptLog: keptLog{t: t}, seq: 146}, make(handed)
	p.s.pageJobs, p.at.seq, p.st.pages[3].dirty = make(chan pageJob, 4), 65, true
	p.ck.results, p.ck.began, p.ck.events = make(chan pageResult, pageCount+1), time.Time{}, 1
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	written := make(chan struct{})
	go func() { defer close(written); p.s.writePages(ctx) }()
	if err := p.work(ctx); !errors.Is(err, errFenced) {
		t.Errorf("got %v, want errFenced", err)
	}
	cancel()
	<-written
	p.fx.finish()
}

// A page that was stored, and whose answer was lost, is there: nobody else has it at the record that we are at.
func TestAPageWhoseAnswerWasLostIsStored(t *testing.T) {
	p, _ := lonePartition(t)
	p.log = &aheadLog{keptLog: keptLog{t: t}, seq: 65}
	rev, err := p.s.writePage(t.Context(), pageJob{log: p.log, page: 3, seq: 65, raw: p.st.pages[3].snapshot(nil, 65)})
	if err != nil || rev != 7 {
		t.Errorf("got revision %d, %v; want the 7 that is stored", rev, err)
	}
	p.fx.finish()
}
