// Package interceptor protects the methods of a gRPC server with riskd: unary and streaming interceptors that ask the SDK's guard, in
// the process and without a network, whether the session of a call owes a proof. It is a module of its own, so that only
// applications with gRPC take gRPC on.
//
//	protect, err := interceptor.New(client, interceptor.Config{
//		Identify: identify, // from your own session or token
//		Default:  &sdk.RouteConfig{Action: "api.call", OnUnavailable: sdk.Allow, MaxStaleness: 10 * time.Second},
//		Methods:  map[string]sdk.RouteConfig{"/acme.Payroll/Export": {Action: "resource.export", OnUnavailable: sdk.StepUp, ...}},
//		Open:     []string{"/grpc.health.v1.Health/Check"},
//	})
//	grpc.NewServer(grpc.ChainUnaryInterceptor(protect.Unary()), grpc.ChainStreamInterceptor(protect.Stream()))
//
// What a refused caller gets, with an errdetails.ErrorInfo of domain [Domain] that [FromError] reads:
//
//	Unauthenticated   STEP_UP_REQUIRED  a proof is asked for: challenge, acr, amr, max_age and expiry are in it
//	Unauthenticated   LOGIN_REQUIRED    nobody is logged in, or the session was revoked and has been ended
//	PermissionDenied  SESSION_DENIED    the session may do nothing more
//	Unavailable       GUARD_UNAVAILABLE nobody can say, and the method denies then; with an errdetails.RetryInfo
//
// Neither the risk nor its reasons are in it, ever. As with the HTTP middleware each call that passes is reported as an event, and what was
// done with a flag comes back as a receipt.
package interceptor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// Config is what the methods of a server share. Identify and Default are required.
type Config struct {
	// Identify tells whose call it is, from the application's own session: [sdk.ErrAnonymous] when nobody is logged in, any other error
	// when that cannot be told (answered with Unavailable). It must not trust the call's metadata for anything that the application did
	// not put there. The user agent defaults to the metadata's.
	Identify func(ctx context.Context, fullMethod string) (sdk.Identity, error)
	// Default protects methods that are named nowhere below. Without a Name it has each method's own.
	Default *sdk.RouteConfig
	// Methods are protected in their own way, by full name such as "/acme.Payroll/Export", which is also the default of Name.
	Methods map[string]sdk.RouteConfig
	// Open methods, by full name, are not protected: logging in, health, reflection.
	Open []string
	// StepUpACR is what on_unavailable: step_up asks for. Default aal2.
	StepUpACR string
	// EndSession ends the application's own session when riskd has revoked it. After it the caller is asked to log in. It may be
	// called more than once for a session. Without it a revoked session is denied like any other.
	EndSession func(ctx context.Context, p sdk.Presence)
}

// maxNames bounds how many methods that nobody named are told apart in receipts; beyond it they are all "default".
const maxNames = 1024

// Interceptor protects a server. Safe for concurrent use.
type Interceptor struct {
	cfg     Config
	e       *sdk.Enforcer
	methods map[string]*sdk.Protected
	other   *sdk.Protected
	open    map[string]bool
	// named are copies of other, each with its method's name.
	named sync.Map
	names atomic.Int32
	now   func() time.Time
}

// New checks cfg. The error names every setting that is missing or wrong.
func New(c *sdk.Client, cfg Config) (*Interceptor, error) {
	i := &Interceptor{cfg: cfg, methods: map[string]*sdk.Protected{}, open: map[string]bool{}, now: time.Now}
	var errs []error
	var err error
	if i.e, err = c.Enforcer(cfg.StepUpACR); err != nil {
		return nil, fmt.Errorf("configuring the riskd interceptor: %w", err)
	}
	if cfg.Identify == nil {
		errs = append(errs, errors.New("identify is required"))
	}
	protect := func(method string, r sdk.RouteConfig) *sdk.Protected {
		if r.Name == "" {
			r.Name = method
		}
		p, err := i.e.Protect(r)
		if err != nil {
			errs = append(errs, err)
		}
		return p
	}
	if cfg.Default == nil {
		errs = append(errs, errors.New("default is required: what holds for methods that nobody named"))
	} else {
		i.other = protect("default", *cfg.Default)
	}
	for name, r := range cfg.Methods {
		if !fullName(name) {
			errs = append(errs, fmt.Errorf("methods: %q is no full name such as /acme.Payroll/Export", name))
		}
		i.methods[name] = protect(name, r)
	}
	for _, name := range cfg.Open {
		if _, twice := cfg.Methods[name]; twice || !fullName(name) {
			errs = append(errs, fmt.Errorf("open: %q is no full name, or protected as well", name))
		}
		i.open[name] = true
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("configuring the riskd interceptor: %w", errors.Join(errs...))
	}
	return i, nil
}

// fullName tells whether gRPC calls a method so.
func fullName(name string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	return ok && name[0] == '/' && service != "" && method != "" && !strings.Contains(method, "/")
}

// Unary protects unary methods.
func (i *Interceptor) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		if i.open[info.FullMethod] {
			return handler(ctx, req)
		}
		to, p, err := i.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		began, finished := i.now(), false
		defer func() { to.Done(p, began, outcome(err, finished)) }() // also when the handler panics
		resp, err = handler(sdk.WithPresence(ctx, p), req)
		finished = true
		return resp, err
	}
}

// Stream protects streaming methods. A stream goes on as long as its session does: once a flag comes up, the next message
// in either direction ends it with the answer that a new call would get.
func (i *Interceptor) Stream() grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		if i.open[info.FullMethod] {
			return handler(srv, ss)
		}
		to, p, err := i.admit(ss.Context(), info.FullMethod)
		if err != nil {
			return err
		}
		began, finished := i.now(), false
		defer func() { to.Done(p, began, outcome(err, finished)) }()
		s := &stream{ServerStream: ss, ctx: sdk.WithPresence(ss.Context(), p), i: i, to: to, p: p}
		err = handler(srv, s)
		finished = true
		if held := s.held(); held != nil { // whatever the handler made of it
			err = held
		}
		return err
	}
}

// admit decides on a call; the error is the answer to a refused one.
func (i *Interceptor) admit(ctx context.Context, method string) (*sdk.Protected, sdk.Presence, error) {
	to := i.protected(method)
	id, err := i.cfg.Identify(ctx, method)
	if errors.Is(err, sdk.ErrAnonymous) {
		return nil, sdk.Presence{}, loginRequired()
	}
	if err == nil && id.UserAgent == "" {
		if agents := metadata.ValueFromIncomingContext(ctx, "user-agent"); len(agents) > 0 {
			id.UserAgent = agents[0]
		}
	}
	var p sdk.Presence
	if err == nil {
		p, err = i.e.Presence(id)
	}
	if err != nil {
		i.e.Unidentified(method, err)
		return nil, p, unavailable()
	}
	return to, p, i.decide(ctx, to, p)
}

// protected is what holds for a method.
func (i *Interceptor) protected(method string) *sdk.Protected {
	if to := i.methods[method]; to != nil {
		return to
	}
	if to, ok := i.named.Load(method); ok {
		return to.(*sdk.Protected)
	}
	if i.cfg.Default.Name != "" || i.names.Add(1) > maxNames { // a server that takes unknown methods is called by any name
		return i.other
	}
	r := *i.cfg.Default
	r.Name = method
	to, err := i.e.Protect(r)
	if err != nil { // it was checked by New
		return i.other
	}
	i.named.Store(method, to)
	return to
}

// decide answers a call of p; nil lets it go on.
func (i *Interceptor) decide(ctx context.Context, to *sdk.Protected, p sdk.Presence) error {
	switch what := to.Decide(p, i.cfg.EndSession != nil); what.Kind {
	case sdk.RulingPass:
		return nil
	case sdk.RulingChallenge:
		return stepUpRequired(&what)
	case sdk.RulingRefuse:
		if i.cfg.EndSession != nil && what.Verdict.Revoked() {
			i.cfg.EndSession(ctx, p)
			return loginRequired()
		}
		return denied()
	}
	return unavailable()
}

// outcome is what a handler's answer means for the event that is reported.
func outcome(err error, finished bool) sdk.Outcome {
	switch code := status.Code(err); {
	case !finished:
		return sdk.OutcomeFailure
	case code == codes.OK:
		return sdk.OutcomeSuccess
	case code == codes.PermissionDenied, code == codes.Unauthenticated:
		return sdk.OutcomeDenied
	}
	return sdk.OutcomeFailure
}
