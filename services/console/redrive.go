package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/wire"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

const (
	// maxRedrive bounds the dead letters of one request.
	maxRedrive = 200
	// maxFuture is how far a time may lie ahead of this clock, as at the gateway.
	maxFuture = 5 * time.Minute
)

// redrive sends dead letters again, as they came: what was wrong (an unknown tenant's clock, an old scorer) may be right
// by now, or is put right by hand. What still cannot be read or is not valid is not sent, and says why.
func (s *Service) redrive(r *http.Request, p signin.Person) (any, error) {
	var asked api.Redrive
	if err := read(r, &asked); err != nil {
		return nil, err
	}
	slices.Sort(asked.Keys)
	asked.Keys = slices.Compact(asked.Keys)
	if len(asked.Keys) == 0 || len(asked.Keys) > maxRedrive {
		return nil, badRequest("Name 1 to %d dead letters.", maxRedrive)
	}
	if asked.Body != "" && len(asked.Keys) != 1 {
		return nil, badRequest("A corrected message stands for one dead letter.")
	}
	if s.pub == nil {
		return nil, errNoBroker
	}
	letters, err := s.stories.DeadBytes(r.Context(), asked.Keys, s.now().Add(-deadSince))
	if err != nil {
		return nil, err
	}
	e := audit.Entry{Action: "redrive", Actor: p.Name, Role: string(p.Role), Subject: strings.Join(asked.Keys, " "), Address: signin.Address(r)}
	if asked.Body != "" {
		e.Detail = "corrected: " + asked.Body
	}
	if err := s.audit.Write(r.Context(), e); err != nil {
		return nil, &fault{http.StatusServiceUnavailable, "away", "This cannot be written down, so it is not done.", err}
	}
	out := api.Redriven{Results: []api.RedriveResult{}}
	for _, key := range asked.Keys {
		res := api.RedriveResult{Key: key, Problem: "it is not there any more"}
		for _, l := range letters {
			if l.Key == key {
				raw := l.Raw
				if asked.Body != "" {
					raw = []byte(asked.Body)
				}
				res = s.again(r.Context(), raw)
				res.Key = key
			}
		}
		out.Results = append(out.Results, res)
	}
	return out, nil
}

// again sends one message.
func (s *Service) again(ctx context.Context, raw []byte) api.RedriveResult {
	if len(raw) == 0 {
		return api.RedriveResult{Problem: "its bytes were not kept"}
	}
	ev, err := wire.Decode(wire.Envelope{}, raw)
	if err != nil {
		return api.RedriveResult{Problem: short(err)}
	}
	if ahead := ev.TimeMs - s.now().UnixMilli(); ahead > maxFuture.Milliseconds() {
		return api.RedriveResult{EventID: ev.Id, Problem: "its time is still in the future"}
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	if err := s.pub.Publish(ctx, ev); err != nil {
		return api.RedriveResult{EventID: ev.Id, Problem: "the broker did not take it: " + short(err)}
	}
	return api.RedriveResult{EventID: ev.Id, Sent: true}
}
