package interceptor_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/interceptor"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

const (
	check = "/grpc.health.v1.Health/Check"
	watch = "/grpc.health.v1.Health/Watch"
	list  = "/grpc.health.v1.Health/List"
)

// server is an application: gRPC's own health service stands for its methods, so that no other schema is needed.
type server struct {
	health.UnimplementedHealthServer
	*riskd
	c      *sdk.Client
	call   health.HealthClient
	ended  []string
	proofs []sdk.Proof
	next   chan struct{} // each makes Watch send once more
	answer error         // of Check
}

func (s *server) Check(ctx context.Context, _ *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if p, ok := sdk.PresenceOf(ctx); !ok || p.User.ID != "u1" || p.UserAgent == "" {
		s.t.Errorf("presence in the handler: got %+v", p)
	}
	if s.answer != nil && s.answer.Error() == "panic" {
		panic("as handlers do")
	}
	return &health.HealthCheckResponse{}, s.answer
}

func (s *server) List(context.Context, *health.HealthListRequest) (*health.HealthListResponse, error) {
	return &health.HealthListResponse{}, nil
}

func (s *server) Watch(_ *health.HealthCheckRequest, out health.Health_WatchServer) error {
	for {
		select {
		case <-s.next:
			if err := out.Send(&health.HealthCheckResponse{}); err != nil {
				return errors.New("something of its own") // the caller has to get riskd's answer all the same
			}
		case <-out.Context().Done():
			return nil
		}
	}
}

func (s *server) identify(ctx context.Context, _ string) (sdk.Identity, error) {
	switch who := metadata.ValueFromIncomingContext(ctx, "session"); {
	case len(who) == 0:
		return sdk.Identity{}, sdk.ErrAnonymous
	case who[0] == "broken":
		return sdk.Identity{}, errors.New("session store is down")
	default:
		return sdk.Identity{User: sdk.User{ID: "u1"}, Session: sdk.Session{ID: who[0], Proofs: s.proofs}, Context: "browser"}, nil
	}
}

func newServer(t testing.TB, change ...func(*interceptor.Config)) *server {
	t.Helper()
	s := &server{riskd: &riskd{t: t, flags: make(chan *riskdv1.Signal)}, next: make(chan struct{})}
	var err error
	if s.c, err = sdk.New("//acme/apps/api", sdk.WithTenant("acme"), sdk.WithBroker(s.riskd), sdk.WithHeartbeat(100*time.Millisecond), sdk.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.c.Close(ctx)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.c.Guard().WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	cfg := config(s.identify)
	cfg.EndSession = func(_ context.Context, p sdk.Presence) { s.ended = append(s.ended, p.SessionID) }
	for _, c := range change {
		c(&cfg)
	}
	protect, err := interceptor.New(s.c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	recovering := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
		defer func() {
			if recover() != nil {
				err = status.Error(codes.Internal, "panic")
			}
		}()
		return next(ctx, req)
	}
	srv := grpc.NewServer(grpc.ChainUnaryInterceptor(recovering, protect.Unary()), grpc.ChainStreamInterceptor(protect.Stream()))
	health.RegisterHealthServer(srv, s)
	pipe := bufconn.Listen(1 << 16)
	go func() { _ = srv.Serve(pipe) }()
	t.Cleanup(srv.Stop)
	conn, err := grpc.NewClient("passthrough:///app", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.call = health.NewHealthClient(conn)
	return s
}

func config(identify func(context.Context, string) (sdk.Identity, error)) interceptor.Config {
	return interceptor.Config{
		Identify: identify,
		Default:  &sdk.RouteConfig{Action: "resource.read", OnUnavailable: sdk.Deny, MaxStaleness: 5 * time.Second},
		Open:     []string{list},
	}
}

// as is a call in a session; "" is nobody's.
func as(t testing.TB, session string) context.Context {
	if session == "" {
		return t.Context()
	}
	return metadata.AppendToOutgoingContext(t.Context(), "session", session)
}

func (s *server) check(session string) error {
	_, err := s.call.Check(as(s.t, session), &health.HealthCheckRequest{})
	return err
}
