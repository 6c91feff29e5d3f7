package scorer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/riskd-io/riskd/pkg/broker"
	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/journal"
	"github.com/riskd-io/riskd/pkg/wire"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// An event keeps its attributes beside itself while it is judged: wherever it goes from there, it has to have them.
func TestAttributesAreWhereverAnEventGoes(t *testing.T) {
	p := lonePartitions(t, 1)[0]
	now := time.Now()
	many := map[string]string{} // more than there is room for
	for c := range 2 * roomAttributes {
		many[string(rune('a'+c))] = strings.Repeat("v", c)
	}
	sent := []*riskdv1.Event{
		{Id: "scored", TimeMs: now.UnixMilli(), Attributes: map[string]string{"plan": "pro", "cart": ""}},
		{Id: "many", TimeMs: now.UnixMilli() + 1, Attributes: many},
		{Id: "none", TimeMs: now.UnixMilli() + 2},
		{Id: "future", TimeMs: now.Add(30 * 24 * time.Hour).UnixMilli(), Attributes: map[string]string{"why": "clock"}},
	}
	for range 2 { // the second time in memory that was used, by other events
		slices.Reverse(sent)
		var msgs []broker.Message
		for i, ev := range sent {
			ev.Source, ev.Type, ev.TenantId, ev.User = "//a", "dev.riskd.activity.v1", "acme", &riskdv1.User{Id: "u"}
			ev.Action, ev.Outcome = "resource.read", "success"
			data, err := ev.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			msgs = append(msgs, broker.Message{Seq: uint64(i + 1), StoredNS: now.UnixNano(), Data: data, Envelope: wire.Envelope{ContentType: natsjs.ContentTypeEvent}})
		}
		b := p.s.getBatch(false)
		b.open(p.s, p)
		if err := b.extend(p.s, p, msgs); err != nil {
			t.Fatal(err)
		}
		if err := b.seal(p.s, p); err != nil {
			t.Fatal(err)
		}
		stored, err := journal.Decode(0, 1, b.stored)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range stored.Record.Entries {
			if d := cmp.Diff(sent[i].Attributes, e.Event.GetAttributes(), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s in the journal (-sent +stored):\n%s", sent[i].Id, d)
			}
		}
		if len(b.fx.dead) != 1 || !cmp.Equal(b.fx.dead[0].Event.GetAttributes(), map[string]string{"why": "clock"}) {
			t.Errorf("got the dead letters %v, want the event of the future with its attributes", b.fx.dead)
		}
		p.s.putBatch(b)
	}
}
