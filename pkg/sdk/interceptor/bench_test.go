package interceptor_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/riskd-io/riskd/pkg/sdk"
	"github.com/riskd-io/riskd/pkg/sdk/interceptor"
)

// What the interceptor adds to a unary call of a clear session: with and without its event, and the look at each message of a stream.
func BenchmarkInterceptor(b *testing.B) {
	s := newServer(b)
	ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("session", "s1", "user-agent", "grpc-go/1.85"))
	handler := func(context.Context, any) (any, error) { return nil, nil }
	for name, unreported := range map[string]bool{"unreported": true, "reported": false} {
		b.Run(name, func(b *testing.B) {
			cfg := config(s.identify)
			cfg.Default.Unreported, cfg.Default.OnUnavailable = unreported, sdk.Allow
			i, err := interceptor.New(s.c, cfg)
			if err != nil {
				b.Fatal(err)
			}
			unary, info := i.Unary(), &grpc.UnaryServerInfo{FullMethod: check}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := unary(ctx, nil, info, handler); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("message of a stream", func(b *testing.B) {
		i, err := interceptor.New(s.c, config(s.identify))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		_ = i.Stream()(nil, silent{ctx: ctx}, &grpc.StreamServerInfo{FullMethod: watch}, func(_ any, ss grpc.ServerStream) error {
			for b.Loop() {
				if err := ss.SendMsg(nil); err != nil {
					b.Fatal(err)
				}
			}
			return nil
		})
	})
}

// silent is a stream that goes nowhere.
type silent struct {
	grpc.ServerStream
	ctx context.Context
}

func (s silent) Context() context.Context { return s.ctx }
func (silent) SendMsg(any) error          { return nil }
