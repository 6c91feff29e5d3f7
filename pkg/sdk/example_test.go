package sdk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/internal/natstest"
)

// riskd stands in for an installation on nats://127.0.0.1:4222: a broker, and somebody who raises flags.
func riskd() (srv *natstest.Server, c *sdk.Client, stop func()) {
	srv, halt := natstest.Example(1)
	c, err := sdk.Connect(srv.URL, "//acme/apps/web", sdk.WithTenant("acme"), sdk.WithLogger(quiet), sdk.WithHeartbeat(100*time.Millisecond))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	if err := c.Guard().WaitReady(ctx); err != nil {
		panic(err)
	}
	return srv, c, func() { _ = c.Close(ctx); cancel(); halt() }
}

// Reporting does not wait for the network. Flush and Close do.
func ExampleClient_Report() {
	_, client, stop := riskd()
	defer stop()

	_, err := client.Report(sdk.Event{
		User:    sdk.User{ID: "u1"},
		Session: sdk.EventSession{ID: "s1", ACR: "aal1", AMR: []string{"pwd"}, AuthTime: time.Now()},
		Action:  "auth.login",
		Outcome: sdk.OutcomeSuccess,
	})
	fmt.Println("taken:", err == nil)
	_ = client.Flush(context.Background())
	fmt.Println("acknowledged:", client.Counters().Acknowledged)
	// Output:
	// taken: true
	// acknowledged: 1
}

// Check asks nobody: the flags are in this process.
func ExampleGuard_Check() {
	srv, client, stop := riskd()
	defer stop()
	fmt.Println("before:", client.Guard().Check("acme", "s1").State)

	srv.Put(natstest.Required("acme", "s1", "ch_1", 1)) // riskd has seen something

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	v, _ := client.Guard().Wait(ctx, "acme", "s1", func(v sdk.Verdict) bool { return v.State == sdk.Required })
	fmt.Println("after:", v.State, v.ChallengeID(), v.Requirement().ACR, v.UserReason())
	// Output:
	// before: clear
	// after: required ch_1 [aal2] Please confirm it is you.
}

// A route has to choose what happens when riskd cannot be heard. There is no default.
func ExampleMiddleware_Protect() {
	srv, client, stop := riskd()
	defer stop()
	web, err := client.Middleware(sdk.MiddlewareConfig{
		StepUpURL: "/step-up", ReturnKey: []byte("32 random bytes, of all instances"),
		Identify: func(r *http.Request) (sdk.Identity, error) { // from your own session
			return sdk.Identity{User: sdk.User{ID: "u1"}, Session: sdk.Session{ID: "s1"}}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	_, err = web.Protect(sdk.RouteConfig{Name: "GET /page", Action: "resource.read"})
	fmt.Println(err)

	protect, err := web.Protect(sdk.RouteConfig{
		Name: "GET /page", Action: "resource.read", OnUnavailable: sdk.Deny, MaxStaleness: 5 * time.Second,
	})
	if err != nil {
		panic(err)
	}
	page := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the page") }))
	get := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest("GET", "/page", nil))
		return w
	}
	fmt.Println(get().Body)

	srv.Put(natstest.Required("acme", "s1", "ch_1", 1))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = client.Guard().Wait(ctx, "acme", "s1", func(v sdk.Verdict) bool { return v.State == sdk.Required })
	answer := get()
	var problem struct {
		Title     string `json:"title"`
		Challenge string `json:"challenge_id"`
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &problem)
	fmt.Println(answer.Code, problem.Title, problem.Challenge)
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// protecting route "GET /page": on_unavailable is required: allow, deny or step_up; there is no default
	// max_staleness is required and must be positive; there is no default
	// the page
	// 401 Step-up authentication required ch_1
	// Bearer error="insufficient_user_authentication", error_description="A stronger sign-in is needed", acr_values="aal2", max_age="0"
}

// A route that holds restricted data asks for a second factor whatever the risk, and the application says
// what was proven.
func ExampleChallenge() {
	_, client, stop := riskd()
	defer stop()
	session := sdk.Session{ID: "s1", Proofs: []sdk.Proof{{ACR: "aal1", AMR: []string{"pwd"}, AuthTime: time.Now()}}}
	web, err := client.Middleware(sdk.MiddlewareConfig{
		StepUpURL: "/step-up", ReturnKey: []byte("32 random bytes, of all instances"),
		Identify: func(*http.Request) (sdk.Identity, error) {
			return sdk.Identity{User: sdk.User{ID: "u1"}, Session: session}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	payroll := web.MustProtect(sdk.RouteConfig{
		Name: "GET /payroll", Action: "resource.read", Resource: sdk.Resource{Type: "page", ID: "payroll", Sensitivity: sdk.Restricted},
		OnUnavailable: sdk.StepUp, MaxStaleness: 5 * time.Second, RequireACR: "aal2", MaxAge: 12 * time.Hour,
	})(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "salaries") }))
	get := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/payroll", nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		payroll.ServeHTTP(w, r)
		return w
	}
	sent := get()
	fmt.Println(sent.Code, "to the step-up page")

	// The step-up page:
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	challenge, err := web.StepUp(ctx, httptest.NewRequest("GET", sent.Header().Get("Location"), nil))
	if err != nil {
		panic(err)
	}
	_ = challenge.Started()
	// ... the user enters a code, and the application checks it ...
	proof, _ := challenge.Completed(sdk.Proof{ACR: "aal2", AMR: []string{"pwd", "otp"}})
	session.Proofs = append(session.Proofs, proof)
	fmt.Println("asked for", challenge.Want.ACR, "and back to", challenge.ReturnTo)

	fmt.Println(get().Code, get().Body)
	// Output:
	// 303 to the step-up page
	// asked for [aal2] and back to /payroll
	// 200 salaries
}

// The same cookie in another browser is another session to riskd: what a thief does there is not held
// against the owner.
func ExampleClient_Presence() {
	_, client, stop := riskd()
	defer stop()
	home := sdk.ContextOf("Mozilla/5.0 (X11; Linux x86_64)", "d1")
	login := sdk.Session{ID: "s1", Context: home, Proofs: []sdk.Proof{{Context: home, ACR: "aal1", AuthTime: time.Now()}}}

	owner := client.Presence(sdk.Identity{User: sdk.User{ID: "u1"}, Session: login, UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Device: "d1"})
	thief := client.Presence(sdk.Identity{User: sdk.User{ID: "u1"}, Session: login, UserAgent: "curl/8"})
	fmt.Printf("owner: %s, proven %q\n", owner.SessionID, owner.Proof.ACR)
	fmt.Printf("thief: %s of %s, proven %q\n", thief.SessionID, thief.Of, thief.Proof.ACR)
	// Output:
	// owner: s1, proven "aal1"
	// thief: s1~5e292b43 of s1, proven ""
}

// When the broker is gone, the answer ages, and every route does what it chose.
func ExampleVerdict_Staleness() {
	srv, client, stop := riskd()
	defer stop()
	v := client.Guard().Check("acme", "s1")
	fmt.Println(v.State, "and fresh:", v.Staleness() < time.Second)

	srv.Stop()
	time.Sleep(1200 * time.Millisecond)
	v = client.Guard().Check("acme", "s1")
	fmt.Println(v.State, "and fresh:", v.Staleness() < time.Second, client.Guard().Status())
	// Output:
	// clear and fresh: true
	// clear and fresh: false STALE
}
