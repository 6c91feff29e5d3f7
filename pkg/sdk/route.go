package sdk

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// OnUnavailable is what a route does when nobody can say whether the session is clear.
type OnUnavailable string

// The choices. There is no default: each is wrong for some route.
const (
	// Allow lets the request through and leaves a fail_open receipt.
	Allow OnUnavailable = "allow"
	// Deny answers 503.
	Deny OnUnavailable = "deny"
	// StepUp lets through who proves themselves to the application, at the middleware's StepUpACR, after
	// the moment from which nothing is known.
	StepUp OnUnavailable = "step_up"
)

// RouteConfig says how one route is protected. Name, Action, OnUnavailable and MaxStaleness are required.
type RouteConfig struct {
	// Name of the route in receipts, such as "GET /payroll". Never a path with ids in it.
	Name string
	// Action reported for each request, a dotted verb such as resource.read.
	Action   string
	Resource Resource
	// OnUnavailable is what happens when the guard knows nothing, or nothing fresh. A flag that is known
	// blocks whatever is set here.
	OnUnavailable OnUnavailable
	// MaxStaleness is how old the guard's last proof of being current may be. At least twice the
	// client's heartbeat.
	MaxStaleness time.Duration
	// RequireACR asks for a proof of this strength in this session and browser, whatever the risk. "aal1" means
	// that the browser itself must have logged in. Empty asks for none.
	RequireACR string
	// MaxAge of that proof. 0 is any age.
	MaxAge time.Duration
	// ReturnTo is where a browser goes after a step-up that interrupted something other than a GET.
	// Empty means the page it came from.
	ReturnTo string
	// Unreported routes send no activity event for requests that pass, for instance polling.
	Unreported bool
}

func (r RouteConfig) validate(order []string, heartbeat time.Duration) error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(r.Name != "", "name is required")
	want(r.Action != "", "action is required")
	want(r.OnUnavailable != "", "on_unavailable is required: allow, deny or step_up; there is no default")
	want(r.OnUnavailable == "" || slices.Contains([]OnUnavailable{Allow, Deny, StepUp}, r.OnUnavailable),
		"on_unavailable %q is none of allow, deny, step_up", r.OnUnavailable)
	want(r.MaxStaleness > 0, "max_staleness is required and must be positive; there is no default")
	want(r.MaxStaleness <= 0 || r.MaxStaleness >= 2*heartbeat, "max_staleness %v is less than two heartbeats (%v)", r.MaxStaleness, 2*heartbeat)
	want(r.RequireACR == "" || slices.Contains(order, r.RequireACR), "require_acr %q is not among %q", r.RequireACR, order)
	want(r.MaxAge >= 0, "max_age is negative")
	want(r.ReturnTo == "" || localPath(r.ReturnTo), "return_to %q is not a path of this origin", r.ReturnTo)
	return errors.Join(errs...)
}

// verdictKind is what a route does with a request.
type verdictKind uint8

const (
	pass        verdictKind = iota
	failOpen                // let through although nobody knows
	challenge               // a proof is wanted
	deny                    // 403
	unavailable             // 503
)

// ruling is the route's answer before it is written.
type ruling struct {
	kind verdictKind
	// verdict behind a challenge or a denial; zero when the route's own rule decided.
	verdict Verdict
	// local: the route asks for the proof and no flag does.
	local bool
	want  Requirement
	// stale: it was decided without a fresh answer of the guard.
	stale bool
}

// rule decides a request. of is the verdict on the session that the presence branches from.
func (r *RouteConfig) rule(p Presence, own, of Verdict, order []string, stepUpACR string, now time.Time) ruling {
	for _, v := range [...]Verdict{own, of} {
		if v.State == Denied {
			return ruling{kind: deny, verdict: v}
		}
	}
	if own.State == Required {
		return ruling{kind: challenge, verdict: own, want: own.Requirement()}
	}
	// A branch does not answer for the session it came from, but while that one is questioned it has to
	// prove itself too: otherwise changing the browser would shake off a flag.
	if of.State == Required && !p.proven(order, stepUpACR, max(now.Sub(of.Issued()), 1), now) {
		return ruling{kind: challenge, local: true, want: Requirement{ACR: []string{stepUpACR}}}
	}
	if (r.RequireACR != "" || r.MaxAge > 0) && !p.proven(order, r.RequireACR, r.MaxAge, now) {
		out := ruling{kind: challenge, local: true, want: Requirement{MaxAge: r.MaxAge}}
		if r.RequireACR != "" {
			out.want.ACR = []string{r.RequireACR}
		}
		return out
	}
	silent := own.Staleness()
	if own.State != Unknown && of.State != Unknown && silent <= r.MaxStaleness {
		return ruling{kind: pass}
	}
	switch r.OnUnavailable {
	case Allow:
		return ruling{kind: failOpen, stale: true}
	case StepUp:
		// What was proven before the guard fell silent may have been questioned since. A guard that never
		// knew anything has been silent as long as this process lives.
		silent = min(silent, time.Since(epoch))
		if p.proven(order, stepUpACR, max(silent, 1), now) {
			return ruling{kind: pass, stale: true}
		}
		return ruling{kind: challenge, local: true, stale: true, want: Requirement{ACR: []string{stepUpACR}}}
	}
	return ruling{kind: unavailable, stale: true}
}
