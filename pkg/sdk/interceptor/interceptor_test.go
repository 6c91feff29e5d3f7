package interceptor_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/interceptor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused fails unless an error is riskd's answer, with a code and a reason.
func refused(t testing.TB, err error, code codes.Code, reason string) interceptor.Refusal {
	t.Helper()
	r, ok := interceptor.FromError(err)
	if !ok || status.Code(err) != code || r.Reason != reason {
		t.Fatalf("got %v with %+v, want %s %s", err, r, code, reason)
	}
	return r
}

func told(t testing.TB, s *server, want ...string) {
	t.Helper()
	if got := s.reported(s.c); !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
}

func TestAFlaggedSessionIsAskedAndAClearOneIsNot(t *testing.T) {
	s := newServer(t)
	if err := s.check("s1"); err != nil {
		t.Fatal(err)
	}
	told(t, s, "resource.read success")
	sig := required("ch_1")
	s.flag(s.c, sig, sdk.Required)
	r := refused(t, s.check("s1"), codes.Unauthenticated, interceptor.StepUpRequired)
	if r.ChallengeID != "ch_1" || !slices.Equal(r.Want.ACR, []string{"aal2"}) || !slices.Equal(r.Want.AMR, []string{"otp", "hwk"}) || r.Want.MaxAge != 5*time.Minute ||
		r.Expires.Unix() != sig.ExpiresAtMs/1000 || r.Words != "Please confirm this." {
		t.Errorf("got %+v", r)
	}
	told(t, s, "shown "+check+" ch_1")
	if err := s.check("s2"); err != nil {
		t.Errorf("another session: %v", err)
	}
	told(t, s, "resource.read success")

	done := required("ch_1")
	done.State, done.Revision = "satisfied", 2
	s.flag(s.c, done, sdk.Clear)
	if err := s.check("s1"); err != nil {
		t.Errorf("after the proof: %v", err)
	}
}

func TestADeniedSessionIsRefusedAndARevokedOneIsEnded(t *testing.T) {
	s := newServer(t)
	sig := required("ch_1")
	sig.State, sig.Revision, sig.Cause = "denied", 2, "stepup_failed"
	s.flag(s.c, sig, sdk.Denied)
	refused(t, s.check("s1"), codes.PermissionDenied, interceptor.SessionDenied)
	told(t, s, "denied "+check+" ch_1")
	again := required("ch_1")
	again.State, again.Revision, again.Cause = "denied", 3, "still_revoked"
	s.flag(s.c, again, sdk.Denied)
	refused(t, s.check("s1"), codes.Unauthenticated, interceptor.LoginRequired)
	if !slices.Equal(s.ended, []string{"s1"}) {
		t.Errorf("ended %q", s.ended)
	}
}

func TestARestrictedMethodWantsItsProofWhateverTheRisk(t *testing.T) {
	s := newServer(t, func(c *interceptor.Config) {
		c.Methods = map[string]sdk.RouteConfig{check: {Action: "resource.export", OnUnavailable: sdk.StepUp, MaxStaleness: 5 * time.Second, RequireACR: "aal2", MaxAge: time.Hour,
			Resource: sdk.Resource{Type: "report", ID: "payroll", Sensitivity: sdk.Restricted}}}
	})
	r := refused(t, s.check("s1"), codes.Unauthenticated, interceptor.StepUpRequired)
	if !strings.HasPrefix(r.ChallengeID, "ch_") || !slices.Equal(r.Want.ACR, []string{"aal2"}) || r.Want.MaxAge != time.Hour || r.Words == "" {
		t.Errorf("got %+v", r)
	}
	// The attempt goes to riskd, which raises the challenge that the caller was told of already.
	told(t, s, "resource.export challenged", "shown "+check+" "+r.ChallengeID)
	s.proofs = []sdk.Proof{{Context: "browser", ACR: "aal2", AMR: []string{"otp"}, AuthTime: time.Now(), ChallengeID: r.ChallengeID}}
	if err := s.check("s1"); err != nil {
		t.Fatal(err)
	}
	told(t, s, "allowed "+check+" "+r.ChallengeID, "resource.export success")
}

func TestAStreamEndsWhenItsSessionIsFlagged(t *testing.T) {
	s := newServer(t)
	stream, err := s.call.Watch(as(t, "s1"), &health.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s.next <- struct{}{}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	s.flag(s.c, required("ch_1"), sdk.Required)
	s.next <- struct{}{}
	_, err = stream.Recv()
	if errors.Is(err, io.EOF) || refused(t, err, codes.Unauthenticated, interceptor.StepUpRequired).ChallengeID != "ch_1" {
		t.Errorf("got %v", err)
	}
	told(t, s, "shown "+watch+" ch_1", "resource.read denied")
	again, err := s.call.Watch(as(t, "s1"), &health.HealthCheckRequest{})
	if err == nil {
		_, err = again.Recv()
	}
	refused(t, err, codes.Unauthenticated, interceptor.StepUpRequired)
}

func TestNobodyOpenMethodsAndAFailingSessionStore(t *testing.T) {
	s := newServer(t)
	refused(t, s.check(""), codes.Unauthenticated, interceptor.LoginRequired)
	err := s.check("broken")
	refused(t, err, codes.Unavailable, interceptor.GuardUnavailable)
	retry := false
	for _, d := range status.Convert(err).Details() {
		_, is := d.(*errdetails.RetryInfo)
		retry = retry || is
	}
	if !retry {
		t.Error("nobody says when to try again")
	}
	if strings.Contains(err.Error(), "store") {
		t.Errorf("the caller is told what is none of its business: %v", err)
	}
	if _, err := s.call.List(as(t, ""), &health.HealthListRequest{}); err != nil {
		t.Errorf("an open method: %v", err)
	}
	told(t, s)
}

func TestWhatHandlersAnswerIsTheOutcomeOfTheirEvent(t *testing.T) {
	s := newServer(t)
	for answer, want := range map[error]string{
		nil: "success", status.Error(codes.PermissionDenied, "not yours"): "denied", status.Error(codes.NotFound, "gone"): "failure", errors.New("plain"): "failure", errors.New("panic"): "failure",
	} {
		s.answer = answer
		if err := s.check("s1"); (err == nil) != (answer == nil) {
			t.Errorf("answer %v came as %v", answer, err)
		}
		told(t, s, "resource.read "+want)
	}
}

func TestAMethodChoosesWhatHappensWhenNobodyKnows(t *testing.T) {
	for choice, code := range map[sdk.OnUnavailable]codes.Code{sdk.Allow: codes.OK, sdk.Deny: codes.Unavailable, sdk.StepUp: codes.Unauthenticated} {
		s := newServer(t, func(c *interceptor.Config) {
			c.Default = &sdk.RouteConfig{Action: "resource.read", OnUnavailable: choice, MaxStaleness: 200 * time.Millisecond}
		})
		s.mute()
		for s.c.Guard().Check("acme", "s1").Staleness() < 300*time.Millisecond {
			time.Sleep(10 * time.Millisecond)
		}
		if err := s.check("s1"); status.Code(err) != code {
			t.Errorf("%s: got %v, want %s", choice, err, code)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	s := newServer(t)
	_, err := interceptor.New(s.c, interceptor.Config{Methods: map[string]sdk.RouteConfig{"Export": {Action: "x"}}, Open: []string{"/a"}})
	for _, want := range []string{"identify is required", "default is required", `"Export" is no full name`, "on_unavailable is required", `"/a" is no full name`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	alone, err := sdk.New("//acme/x", sdk.WithGateway("http://127.0.0.1:1", "k"), sdk.WithTenant("acme"))
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close(t.Context())
	if _, err := interceptor.New(alone, config(s.identify)); !errors.Is(err, sdk.ErrNoGuard) {
		t.Errorf("a client without a guard: %v", err)
	}
}
