package scorer

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/riskd-io/riskd/pkg/broker"
	"github.com/riskd-io/riskd/pkg/journal"
)

var (
	// errFenced ends an ownership: somebody else appended to the journal.
	errFenced = errors.New("another worker has taken the partition")
	// ErrState is wrapped when a partition's state cannot be read. It is not worked on until that
	// is repaired; see the package's README.
	ErrState = errors.New("the partition's state cannot be read")
)

const (
	// appendTimeout bounds one append; after it, or half of it more, the outcome is unknown.
	appendTimeout = 5 * time.Second
	// readTimeout bounds one question. It is more than a broker of several has to answer (three seconds on Kafka), so that another one can be asked.
	readTimeout = 5 * time.Second
	// waitMargin is how much earlier or later than asked a wait may end.
	waitMargin = 20 * time.Millisecond
	// fenceAttempts bounds how often a fence is tried against other writers before it is left to them.
	fenceAttempts = 20
	// recordSpare is what a message needs beside the record.
	recordSpare = 4 << 10
)

// place is where a partition's journal ends.
type place struct {
	seq       uint64
	hash      [32]byte
	epoch     uint64
	inputLast uint64
	totals    counts
	// policies is the revision that judged it.
	policies uint64
}

type versions struct{ policy, baseline, engine string }

// partition is one partition while this worker owns it. All but the atomic fields belong to its goroutine.
type partition struct {
	s   *Service
	n   int
	log broker.Log
	st  *store
	// parts is what the partition's state holds beside the profiles.
	parts []part
	// thresholds is one of them, nil when there is none.
	thresholds Thresholds
	at         place
	fx         *effects
	ck         checkpoint
	// tail reads the input behind at.inputLast; carry holds messages read and not committed.
	tail     broker.Reader
	msgs     []broker.Message
	carry    []broker.Message
	held     *batch   // judged, and not stored yet
	due      deadline // when it has to be
	clock    int64    // latest broker time of an input message, Unix milliseconds
	versions versions
	by       judging
	ckTold   time.Time
	waits    deadline // see patience
	appends  deadline // see append

	ready atomic.Bool
	// taking is what a takeover waits for, nil when there is none.
	taking            atomic.Pointer[string]
	lag, users, bytes atomic.Int64
}

// run owns the partition until stop ends (nil), another worker takes it (errFenced), its state cannot be read (ErrState) or the broker does not answer
// while that is read (any other).
func (p *partition) run(stop context.Context) error {
	hard, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	p.ck.results = make(chan pageResult, pageCount+1)
	p.fx = newEffects(hard, p.s, p.n)
	defer func() { // what publishes effects never outlives this goroutine
		cancel()
		p.fx.finish()
	}()
	defer func() {
		p.ready.Store(false)
		p.waits.end()
		p.appends.end()
		p.discard()
		if p.tail != nil {
			p.tail.Close()
		}
		p.log.Close()
	}()

	if err := p.takeOver(stop); err != nil || p.tail == nil { // no tail: stopped before it was ready
		return err
	}
	p.ready.Store(true)
	p.s.works(p.n)
	err := p.work(stop)
	p.ready.Store(false)
	if err != nil {
		return err
	}
	// A graceful end: what is committed gets published, and a last checkpoint makes the next start short where that pays.
	end, cancelEnd := context.WithTimeout(hard, p.s.cfg.StopWait)
	defer cancelEnd()
	published := make(chan struct{})
	go func() { p.fx.finish(); close(published) }()
	select {
	case <-published:
	case <-end.Done():
	}
	if p.s.last.Load() && p.checkpointPays() {
		p.finishCheckpoint(end)
	}
	return nil
}

// append finishes what it began even when stop ends meanwhile. One context serves the appends of some seconds: to make one for each took
// 3 µs, a sixth of what a record of one event costs.
func (p *partition) append(stop context.Context, last uint64, data []byte, out broker.Outgoing) (uint64, error) {
	if now := time.Now(); p.appends.at.Sub(now) < appendTimeout {
		p.appends.set(context.WithoutCancel(stop), now.Add(appendTimeout+appendTimeout/2))
	}
	return p.log.Append(p.appends.ctx, last, data, out)
}

// unreachable waits a little before the broker is asked again.
func (p *partition) unreachable(stop context.Context, err error) {
	if now := time.Now(); now.Sub(p.ckTold) > 10*time.Second && stop.Err() == nil {
		p.ckTold = now
		p.s.deps.Log.Warn("broker does not answer", "partition", p.n, "error", err)
	}
	pauseFor(stop, 100*time.Millisecond)
}

func placeOf(s journal.Stored) place {
	pl := place{seq: s.Seq, hash: s.Hash, epoch: s.Record.Epoch, inputLast: s.Record.InputLast, policies: s.Record.Policies}
	pl.totals.add(s.Record.Totals)
	return pl
}
