//go:build chaos && unix

package scorer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	natsjs "github.com/riskd-io/riskd/pkg/broker/nats"
	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// mistaken is how long a guard may take a session for clear that is flagged, while it says to be current: it asks the leader every five seconds, and one that
// was cut off may take itself for it for four.
const mistaken = 12 * time.Second

// recovered is how long a node may take until its copies are whole again.
const recovered = 4 * time.Minute

// link makes links from node i to the others and returns what it is told of the cluster.
func (in *installation) link(i int, routes []string) string {
	var to []string
	for j, target := range routes {
		if j == i {
			continue
		}
		at := servicetest.FreeAddress(in.t)
		l := servicetest.NewLink(in.t, at, target)
		in.links[i], in.links[j] = append(in.links[i], l), append(in.links[j], l)
		to = append(to, at)
	}
	return strings.Join(to, ",") + " 127.0.0.1:9"
}

// from is an address of all nodes that begins with node i: who connects tries it first.
func (in *installation) from(i int) string {
	var all []string
	for j := range in.nodes {
		all = append(all, in.nodes[(i+j)%len(in.nodes)].clients)
	}
	return "nats://" + strings.Join(all, ",nats://")
}

// A node that has lost the others, and is there for everybody who is connected to it, has nothing new and takes nothing new. Whoever is connected to it
// goes to another one: events are taken and judged, and no guard goes on for long to call itself current that lacks a flag. With CHAOS_FAULTS of 100 or more
// it is each node's turn once.
func TestChaosANodeThatIsCutOffHoldsNobodyUp(t *testing.T) {
	patience = 5 * time.Minute
	in := buildOver(t, true)
	defer in.keepTraces()
	nc, err := natsjs.Connect(in.from(0), "source", nats.DontRandomize())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	pub, err := natsjs.NewPublisher(nc, chaosPartitions, natsjs.PublisherConfig{AckWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	first := -1
	behind := watchGuards(t, chaosNodes, func(opts ...sdk.Option) (*sdk.Client, error) {
		first++
		return sdk.Connect(in.from(first), "//chaos", append(opts, sdk.WithNATSOptions(nats.DontRandomize()))...)
	})
	wrong := probe(t, in)
	cuts := turns(t)
	halt := flow(t, pub, newWorld(15, 60*cuts).take(100_000*cuts), 250*time.Millisecond)
	for i := range cuts {
		time.Sleep(3 * time.Second)
		in.links[i].apart(silence) // who is connected to it stays so
		// Its copies may take long to be whole: where it was a leader and was asked to store what it could not, the servers find out how much that
		// was one message in two seconds. Whoever cuts another one off before that takes the last copy but one away.
		in.healthy(&in.nodes[i], recovered)
	}
	evs := halt()
	guard := behind()
	mistake, whose := wrong()
	got, equal := in.againstSerial(evs)
	tolerate(t, got.longest, guard)
	if mistake > mistaken {
		t.Errorf("a guard that called itself current lacked a flag for %s: %s", mistake, whose)
	}
	line := fmt.Sprintf("chaos: nodes=%d cut_off=%d still_s=%.1f guard_behind_s=%.1f guard_wrong_s=%.1f events=%d doubled=%d state_equal=%v ok=%v",
		chaosNodes, cuts, got.longest.Seconds(), guard.Seconds(), mistake.Seconds(), len(evs), got.doubled, equal, !t.Failed() && got.doubled == 0)
	report(t, line)
}
