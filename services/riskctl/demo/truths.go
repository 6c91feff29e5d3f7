package demo

import (
	"sync"

	"github.com/riskd-io/riskd/pkg/simulate"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// maxTruths bounds how many sessions the view can still tell the truth about.
const maxTruths = 100_000

// truths remembers who is really behind a session, for the view. Safe for concurrent use.
type truths struct {
	mu    sync.Mutex
	known map[string]simulate.Truth
}

func (t *truths) note(ev *riskdv1.Event, truth simulate.Truth) {
	id := ev.Session.GetId()
	if id == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTruths {
		t.known = map[string]simulate.Truth{}
	}
	key := ev.TenantId + "/" + id
	// An attacker in a session stays the story of that session.
	if was, ok := t.known[key]; !ok || was.Kind == simulate.Honest {
		t.known[key] = truth
	}
}

// truth is who is behind the session.
func (d *driver) truth(tenant, session string) (simulate.Truth, bool) {
	d.truths.mu.Lock()
	defer d.truths.mu.Unlock()
	t, ok := d.truths.known[tenant+"/"+session]
	return t, ok
}
