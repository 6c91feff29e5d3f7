package interceptor

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/riskd-io/riskd/pkg/sdk"
)

// stream asks the guard again at each message.
type stream struct {
	grpc.ServerStream
	ctx context.Context
	i   *Interceptor
	to  *sdk.Protected
	p   sdk.Presence

	mu  sync.Mutex // one may send while another receives
	err error      // the answer, once a flag has come up
}

// Context holds whose stream it is.
func (s *stream) Context() context.Context { return s.ctx }

// SendMsg implements [grpc.ServerStream].
func (s *stream) SendMsg(m any) error {
	if err := s.check(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

// RecvMsg implements [grpc.ServerStream]. A message that came while the session was being flagged is not handed on.
func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.check()
}

func (s *stream) check() error {
	if !s.to.Held(&s.p) {
		return s.held()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = s.i.decide(s.ctx, s.to, s.p)
	}
	return s.err
}

func (s *stream) held() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
