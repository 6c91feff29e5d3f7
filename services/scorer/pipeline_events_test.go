package scorer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// benchEvents are the world's next n events in the size and shape that apps send: addresses, devices and browsers included.
func benchEvents(w *world, n int) []*riskdv1.Event {
	evs := w.take(n)
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	for i := range evs {
		evs[i] = proto.CloneOf(evs[i]) // the world repeats events
		ev := evs[i]
		u, _ := strconv.Atoi(strings.TrimPrefix(ev.User.Id, "user-"))
		ev.Network.Ip = fmt.Sprintf("203.%d.%d.%d", u>>16&127, u>>8&255, u&255)
		ev.Device = &riskdv1.Device{Id: "device-of-" + ev.User.Id}
		ev.Http = &riskdv1.Http{UserAgent: agents[u%len(agents)]}
		if ev.Resource == nil {
			ev.Resource = &riskdv1.Resource{Type: "document", Id: strconv.Itoa(i % 1000), Sensitivity: "internal"}
		}
	}
	return evs
}

const (
	// sessionEvents is how many events a session of the bench has, and oneIn how many of the world's attacks and critical deeds are
	// left: the simulated people of `make demo` raise a flag in one of two hundred events, the world of the tests in one of seven.
	sessionEvents = 12
	oneIn         = 12
)

// pipelineSource makes events as apps send them, where lies nothing but with attackers and in the tests' answers: about 600 bytes each, or half of
// that when they are bare.
type pipelineSource struct {
	bare bool
	w    *world
	seen map[string]int // events per user
	odd  int
	n    int
}

func newPipelineSource(users int) *pipelineSource {
	return &pipelineSource{w: newWorld(99, users), seen: make(map[string]int, users)}
}

func (s *pipelineSource) take(n int) []*riskdv1.Event {
	evs := benchEvents(s.w, n)
	for _, ev := range evs {
		ev.Id = strconv.Itoa(s.n)
		if ev.Resource.Type == "document" {
			ev.Resource.Id = strconv.Itoa(s.n % 1000)
		}
		attack := ev.Network.Kind == "hosting"
		if attack || ev.Action == "apikey.create" {
			if s.odd++; s.odd%oneIn != 0 {
				attack = false
				ev.Network.Kind = "residential"
				ev.Action, ev.Outcome = "resource.read", "success"
				ev.Resource = &riskdv1.Resource{Type: "document", Id: strconv.Itoa(s.n % 1000), Sensitivity: "internal"}
			}
		}
		if !attack {
			ev.Network.Geo, ev.Network.Asn, ev.Network.Kind = nil, 0, ""
			ev.Session.Id = "s" + ev.User.Id + "-" + strconv.Itoa(s.seen[ev.User.Id]/sessionEvents)
			s.seen[ev.User.Id]++
		}
		if !s.bare {
			dress(ev, s.n)
		}
		s.n++
	}
	return evs
}

// dress gives an event what those of an app have beside the least: ids that nobody guesses, what the session has proven, and facts of the app's own,
// one of them new each time.
func dress(ev *riskdv1.Event, n int) {
	ev.Id, ev.Source = token("event", ev.Id), "//app.acme.example/documents"
	ev.User.Id, ev.Device.Id, ev.Session.Id = token("user", ev.User.Id), token("device", ev.Device.Id), token("session", ev.Session.Id)
	if ev.Session.AuthTimeMs == 0 {
		ev.Session.AuthTimeMs = ev.TimeMs - ev.TimeMs%3_600_000
		ev.Session.Acr, ev.Session.Amr = "aal1", []string{"pwd"}
	}
	ev.Network.RttMs = uint32(20 + n%50)
	ev.Attributes = map[string]string{"request_id": token("request", ev.Id), "method": "GET", "route": "/api/v1/documents/{id}",
		"region": "eu-west-1", "app_version": "2026.11.3", "plan": "business"}
}

// token is an id of 36 characters, always the same of the same text.
func token(kind, of string) string {
	sum := sha256.Sum256([]byte(kind + of))
	t := hex.AppendEncode(make([]byte, 0, 36), sum[:16])
	for _, at := range [...]int{8, 13, 18, 23} {
		t = slices.Insert(t, at, '-')
	}
	return string(t)
}

func pipelineEventsOf(n, users int) []*riskdv1.Event { return newPipelineSource(users).take(n) }
