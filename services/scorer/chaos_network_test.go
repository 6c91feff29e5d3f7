//go:build chaos && unix

package scorer

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// network is what one process is connected over: links of its own, so that it can be hurt alone.
type network []*servicetest.Link

// apart takes the network away for a while. Who is behind it goes on by itself, as a process that is stopped does not, and what it had sent
// comes when others have taken its place.
func (n network) apart(for_ time.Duration) {
	for _, l := range n {
		l.Cut()
	}
	time.Sleep(for_)
	for _, l := range n {
		l.Mend()
	}
}

// unanswered lets through what is asked and no answer, until the connections break: all of it was done, and who asked never hears.
func (n network) unanswered(for_ time.Duration) { n.oneWay(servicetest.Back, for_) }

// unheard lets nothing through that is asked, and all that comes by itself, until the connections break.
func (n network) unheard(for_ time.Duration) { n.oneWay(servicetest.Out, for_) }

func (n network) oneWay(cut servicetest.Way, for_ time.Duration) {
	for _, l := range n {
		l.Cut(cut)
	}
	time.Sleep(for_)
	for _, l := range n {
		l.Break()
		l.Mend()
	}
}

// to makes links to the nodes and returns their addresses as a client takes them.
func (in *installation) to() (url string, over network) {
	var all []string
	for i := range in.nodes {
		at := servicetest.FreeAddress(in.t)
		over = append(over, servicetest.NewLink(in.t, at, in.nodes[i].clients))
		all = append(all, at)
	}
	return "nats://" + strings.Join(all, ",nats://"), over
}

// toClickHouse is the engine's address over a link.
func (in *installation) toClickHouse() (dsn string, over network) {
	u, err := url.Parse(in.engine.DSN())
	if err != nil {
		in.t.Fatal(err)
	}
	at := servicetest.FreeAddress(in.t)
	over = network{servicetest.NewLink(in.t, at, u.Host)}
	u.Host = at
	return u.String(), over
}

// networkFaults take one process's network away, or its answers.
var networkFaults = []fault{
	{"scorer cut off and back", 0, ofAScorer(network.apart, 500*time.Millisecond, 4*time.Second)},
	{"scorer not answered", 0, ofAScorer(network.unanswered, 0, 2*time.Second)},
	{"scorer not heard", 0, ofAScorer(network.unheard, 0, 3*time.Second)},
	{"sink not answered", 0, func(in *installation, rng *rand.Rand) {
		in.sink.Lock()
		defer in.sink.Unlock()
		in.sink.over.unanswered(between(rng, 0, 2*time.Second))
	}},
	{"sink not answered by ClickHouse", 0, func(in *installation, rng *rand.Rand) {
		in.engines.Lock()
		defer in.engines.Unlock()
		in.clickhouse.unanswered(between(rng, 0, 2*time.Second))
	}},
	{"app not answered", 0, func(in *installation, rng *rand.Rand) {
		in.apps.Lock()
		defer in.apps.Unlock()
		in.apps.over.unanswered(between(rng, 0, 2*time.Second))
	}},
}

func ofAScorer(hurt func(network, time.Duration), least, most time.Duration) func(*installation, *rand.Rand) {
	return func(in *installation, rng *rand.Rand) {
		v := &in.scorers[rng.IntN(chaosScorers)]
		v.Lock()
		defer v.Unlock()
		hurt(v.over, between(rng, least, most))
	}
}

// connectApp is a connection of apps over links.
func (in *installation) connectApp(t testing.TB) *connection {
	at, over := in.to()
	in.apps.over = over
	return eventuallyConnect(t, at)
}
