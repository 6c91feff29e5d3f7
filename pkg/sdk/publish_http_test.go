package sdk_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// moody answers as a gateway may; the real one answers in the demo app's proof.
type moody struct {
	mu      sync.Mutex
	answers []func(w http.ResponseWriter, ids []string) // one after the other; then all is accepted
	seen    []string
	key     string
	times   []time.Time
	bodies  [][]byte
}

func (g *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var events []struct {
		ID string `json:"id"`
	}
	if r.URL.Path != "/v1/events" || r.Header.Get("Content-Type") != "application/cloudevents-batch+json" || json.Unmarshal(body, &events) != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	g.key, g.times, g.bodies = r.Header.Get("Authorization"), append(g.times, time.Now()), append(g.bodies, body)
	var ids []string
	for _, ev := range events {
		ids = append(ids, ev.ID)
	}
	if len(g.answers) > 0 {
		answer := g.answers[0]
		g.answers = g.answers[1:]
		answer(w, ids)
		return
	}
	g.seen = append(g.seen, ids...)
	results(w, ids, func(string) string { return "accepted" })
}

func results(w http.ResponseWriter, ids []string, status func(id string) string) {
	var out []map[string]string
	for _, id := range ids {
		out = append(out, map[string]string{"id": id, "status": status(id)})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"results": out})
}

func overHTTP(t *testing.T, g *moody) *sdk.Client {
	t.Helper()
	srv := httptest.NewServer(g)
	transport := &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close() })
	c, err := sdk.New(source, sdk.WithGateway(srv.URL, "k1"), sdk.WithTenant("acme"), sdk.WithLogger(quiet), sdk.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(within(t, 5*time.Second)) })
	return c
}

func report(t *testing.T, c *sdk.Client, n int) {
	t.Helper()
	for i := range n {
		ev := login("u1")
		ev.ID = fmt.Sprint("e", i)
		if _, err := c.Report(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestEventsGoToTheGatewayInBatchesWithTheKey(t *testing.T) {
	g := &moody{}
	c := overHTTP(t, g)
	report(t, c, 1000)
	if len(g.seen) != 1000 || len(g.bodies) > 20 || g.key != "Bearer k1" {
		t.Errorf("got %d events in %d requests with %q", len(g.seen), len(g.bodies), g.key)
	}
	if k := c.Counters(); k.Acknowledged != 1000 {
		t.Errorf("got %+v", k)
	}
}

func TestAGatewayThatIsAwayIsTriedAgainWhenItSays(t *testing.T) {
	g := &moody{answers: []func(http.ResponseWriter, []string){
		func(w http.ResponseWriter, _ []string) { w.Header().Set("Retry-After", "1"); w.WriteHeader(503) },
	}}
	c := overHTTP(t, g)
	report(t, c, 3)
	if len(g.seen) < 3 || g.times[1].Sub(g.times[0]) < time.Second {
		t.Errorf("got %v at %v", g.seen, g.times)
	}
	if k := c.Counters(); k.Retries == 0 || k.Acknowledged != 3 {
		t.Errorf("got %+v", k)
	}
}

func TestEachEventOfABatchMeetsItsOwnFate(t *testing.T) {
	together := make(chan struct{})
	g := &moody{answers: []func(http.ResponseWriter, []string){
		func(w http.ResponseWriter, ids []string) { // of the first event alone: the others gather meanwhile
			<-together
			results(w, ids, func(string) string { return "accepted" })
		},
		func(w http.ResponseWriter, ids []string) {
			results(w, ids, func(id string) string {
				return map[string]string{"e1": "duplicate", "e2": "invalid", "e3": "unavailable"}[id]
			})
		},
	}}
	c := overHTTP(t, g)
	for i := range 4 {
		ev := login("u1")
		ev.ID = fmt.Sprint("e", i)
		if _, err := c.Report(ev); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			time.Sleep(100 * time.Millisecond)
		}
	}
	close(together)
	if err := c.Flush(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	k := c.Counters()
	if k.Acknowledged != 3 || k.Duplicates != 1 || k.Refused != 1 || k.Retries != 1 || strings.Join(g.seen, " ") != "e3" {
		t.Errorf("got %+v, sent again %v", k, g.seen)
	}
}

func TestAGatewayThatTakesLessIsSentLess(t *testing.T) {
	g := &moody{}
	tooMuch := func(w http.ResponseWriter, _ []string) { w.WriteHeader(413) }
	g.answers = []func(http.ResponseWriter, []string){tooMuch, tooMuch, tooMuch}
	c := overHTTP(t, g)
	report(t, c, 200)
	if k := c.Counters(); k.Acknowledged+k.Refused != 200 || k.Refused > 2 { // a single event may be the one too large
		t.Errorf("got %+v", k)
	}
	if last := len(g.bodies[len(g.bodies)-1]); last >= len(g.bodies[0]) && len(g.bodies[0]) > 1000 {
		t.Errorf("bodies: first %d, last %d bytes", len(g.bodies[0]), last)
	}
}

func TestAGatewayAddressThatIsNoneIsRefused(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:8480", "ftp://x", "http://"} {
		if _, err := sdk.New(source, sdk.WithGateway(address, "k")); err == nil || !strings.Contains(err.Error(), "gateway address") {
			t.Errorf("%q: got %v", address, err)
		}
	}
}
