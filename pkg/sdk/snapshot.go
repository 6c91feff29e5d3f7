package sdk

import (
	"encoding/json"
	"time"

	"github.com/riskd-io/riskd/schemas/subject"
)

// told reads the leader's answer.
func (w *watching) told(answer []byte) {
	var info struct {
		State struct {
			LastSeq uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if json.Unmarshal(answer, &info) == nil {
		w.leader = info.State.LastSeq
	}
}

// tryComplete ends the snapshot if it holds what the leader had when it began. at is how far the consumer is known to be: to the entry in hand, or where a
// heartbeat says, which is further where what the leader had last has expired.
func (g *Guard) tryComplete(w *watching, at uint64) {
	if at >= w.leader {
		g.complete(w)
	}
}

// complete ends the snapshot.
func (g *Guard) complete(w *watching) {
	seen := w.seen
	w.seen = nil
	g.snapshot(func(tenant, session string) bool { _, ok := seen[bucketPrefix+subject.Key(tenant, session)]; return ok }, time.Now())
}

// snapshot ends one: flags that were not in it are gone.
func (g *Guard) snapshot(seen func(tenant, session string) bool, asOf time.Time) {
	g.flags.each(func(f *flag) {
		if !seen(f.tenant, f.session) {
			g.drop(f.tenant, f.session)
		}
	})
	g.overflow.Store(g.skipped)
	g.count.snapshots.Add(1)
	g.current(asOf)
	if Status(g.status.Swap(uint32(Ready))) != Ready {
		g.log.Info("riskd guard is ready", "flags", g.flags.live)
	}
	g.tell(GuardEvent{Kind: ProviderReady})
}
