package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/riskd-io/riskd/pkg/service"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console/api"
)

// streaming sends what is new in the feed, as server-sent events, as long as somebody listens and is signed in. All who
// listen to the same share one question.
func (s *Service) streaming(route string, need signin.Role) http.Handler {
	ask := s.shared.answer(s.live)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := s.admitted(nil, r, need)
		if err == nil {
			err = bounded(r)
		}
		if err != nil {
			s.refuse(w, r, route, err)
			return
		}
		s.m.streams.Inc()
		defer s.m.streams.Dec()
		c := http.NewResponseController(w)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		send := func(event string, v any) bool {
			body, err := json.Marshal(v)
			if err != nil || c.SetWriteDeadline(time.Now().Add(10*time.Second)) != nil {
				return false
			}
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, body)
			return err == nil && c.Flush() == nil
		}
		tick := time.NewTicker(s.cfg.Refresh)
		defer tick.Stop()
		seen := map[string]bool{}
		for first := true; ; first = false {
			v, err := ask(r, p)
			live, ok := v.(api.Live)
			switch {
			case err != nil:
				if !send("problem", api.Problem{Code: "away", Message: "ClickHouse does not answer.", Detail: short(err)}) {
					return
				}
			case ok:
				t := api.Tick{Rows: []api.Row{}, LastDecided: live.LastDecided, AsOf: live.AsOf}
				now := make(map[string]bool, len(live.Rows))
				for _, row := range live.Rows {
					now[row.Key] = true
					if first || !seen[row.Key] {
						t.Rows = append(t.Rows, row)
					}
				}
				seen = now
				if !send("tick", t) {
					return
				}
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			case <-service.Stopping(r.Context()):
				return
			}
			if p, err = s.admitted(nil, r, need); err != nil {
				send("problem", api.Problem{Code: "signed_out", Message: "Sign in again."})
				return
			}
		}
	})
}
