package console

import (
	"net/http"

	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/services/console/audit"
	"github.com/riskd-io/riskd/services/console/web"
)

// answer makes what is sent as JSON; see fault for its errors.
type answer func(r *http.Request) (any, error)

// look says what a request looks at, for the audit.
type look func(r *http.Request) audit.Entry

// routes are all paths. A page adds its question here, and itself in web/app/routes.tsx.
func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	// Many may share one answer for a moment.
	for path, h := range map[string]answer{
		"/api/overview":    s.overview,
		"/api/live":        s.live,
		"/api/stepups":     s.stepUps,
		"/api/fatigue":     s.fatigue,
		"/api/rules":       s.rules,
		"/api/notices":     s.notices,
		"/api/health":      s.health,
		"/api/calibration": s.calibration,
	} {
		mux.Handle("GET "+path, s.asking(path, signin.Viewer, s.shared.answer(h)))
	}
	// Each look at a person is written down before it is answered.
	for path, q := range map[string]struct {
		look   look
		answer answer
	}{
		"/api/session":     {about("saw_session", "id"), s.session},
		"/api/user":        {about("saw_user", "id"), s.user},
		"/api/decision":    {about("saw_decision", "event"), s.decision},
		"/api/investigate": {about("investigated", "by", "value"), s.investigate},
		"/api/find":        {about("searched", "q"), s.find},
		"/api/dead":        {about("saw_dead_letters", "reason"), s.dead},
	} {
		mux.Handle("GET "+path, s.asking(path, signin.Viewer, s.looking(q.look, q.answer)))
	}
	mux.Handle("GET /api/audit", s.asking("/api/audit", signin.Admin, s.looking(about("saw_audit", "actor", "user"), s.looks)))
	plain := func(h answer) func(*http.Request, signin.Person) (any, error) {
		return func(r *http.Request, _ signin.Person) (any, error) { return h(r) }
	}
	mux.Handle("GET /api/policies", s.asking("/api/policies", signin.Viewer, plain(s.listPolicies)))
	mux.Handle("GET /api/policy", s.asking("/api/policy", signin.Viewer, plain(s.policyText)))
	mux.Handle("GET /api/backtest", s.asking("/api/backtest", signin.Viewer, plain(s.trying)))
	mux.Handle("GET /api/live/stream", s.streaming("/api/live/stream", signin.Viewer))

	mux.Handle("POST /api/feedback", s.changing("/api/feedback", signin.Analyst, s.feedback))
	mux.Handle("POST /api/redrive", s.changing("/api/redrive", signin.Analyst, s.redrive))

	mux.Handle("POST /api/policies", s.changing("/api/policies", signin.Analyst, s.changePolicies))
	mux.Handle("POST /api/backtest", s.changing("/api/backtest", signin.Analyst, s.try))

	mux.HandleFunc("GET /api/me", s.me)
	mux.HandleFunc("POST /api/signin", s.signIn)
	mux.HandleFunc("POST /api/signout", s.signOut)
	mux.HandleFunc("GET /signin/link", s.signInByLink)
	mux.HandleFunc("GET /oidc/start", s.oidcStart)
	mux.HandleFunc("GET /oidc/callback", s.oidcCallback)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, "/api/", &fault{http.StatusNotFound, "not_found", "There is no such question.", nil})
	})
	mux.Handle("/", web.Pages())
	return mux
}
