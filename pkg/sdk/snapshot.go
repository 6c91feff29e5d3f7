package sdk

import (
	"time"

	"github.com/riskd-io/riskd/schemas/subject"
)

// tryComplete ends the snapshot if it holds what the leader has said to have. at is how far the consumer is known to be: to the entry in hand, or where a
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
	g.snapshot(func(tenant, session string) bool { _, ok := seen[bucketPrefix+subject.Key(tenant, session)]; return ok }, w.asOf())
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
