package interceptor_test

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/interceptor"
)

func Example() {
	client, err := sdk.Connect("nats://127.0.0.1:4222", "//acme/apps/api", sdk.WithTenant("acme"))
	if err != nil {
		fmt.Println(err)
		return
	}
	protect, err := interceptor.New(client, interceptor.Config{
		Identify: func(ctx context.Context, method string) (sdk.Identity, error) {
			// From your own session or token, as your authentication left it in ctx.
			return sdk.Identity{}, sdk.ErrAnonymous
		},
		Default: &sdk.RouteConfig{Action: "api.call", OnUnavailable: sdk.Allow, MaxStaleness: 10 * time.Second},
		Methods: map[string]sdk.RouteConfig{
			"/acme.Payroll/Export": {
				Action: "resource.export", Resource: sdk.Resource{Type: "report", ID: "payroll", Sensitivity: sdk.Restricted},
				OnUnavailable: sdk.StepUp, MaxStaleness: 5 * time.Second, RequireACR: "aal2", MaxAge: time.Hour,
			},
		},
		Open: []string{"/grpc.health.v1.Health/Check"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(protect.Unary()), grpc.ChainStreamInterceptor(protect.Stream()))
	server.Stop()

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Close(ctx)
}

// A client asks its user for the second factor, and calls again.
func ExampleFromError() {
	err := status.Error(codes.NotFound, "the application's own answer")
	if refusal, ok := interceptor.FromError(err); ok && refusal.Reason == interceptor.StepUpRequired {
		fmt.Println("prove", refusal.Want.ACR, "for", refusal.ChallengeID)
	} else {
		fmt.Println("not riskd's:", status.Code(err))
	}
	// Output: not riskd's: NotFound
}
