package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// ReadHeaderTimeout bounds how long a client may take to send its request header, on every HTTP
// server that [ServeHTTP] runs and that has no bound of its own.
const ReadHeaderTimeout = 5 * time.Second

// ErrPortTaken is what [Listen] returns, wrapped in advice, when another program has the port.
var ErrPortTaken = errors.New("already in use")

// Listen opens a TCP listener on addr (host:port; port 0 takes a free one). flag is the name of
// the command-line flag that holds addr, without its dash: an error names the port, that flag
// and its environment variable, so that the reader knows what to change.
func Listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l, nil
	}
	return nil, ListenError(err, addr, flag)
}

// ListenError puts the port and the flag into an error that came from listening on addr. Parts
// that open their own sockets (the embedded broker, the engine) use it to fail in the same words.
func ListenError(err error, addr, flag string) error {
	advice := fmt.Sprintf("choose another with -%s or %s", flag, EnvName(flag))
	host, port, splitErr := net.SplitHostPort(addr)
	switch {
	case splitErr != nil:
		return fmt.Errorf("address %q is not host:port (%s): %w", addr, advice, err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s on %s is %w by another program; stop it, or %s", port, host, ErrPortTaken, advice)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %s on %s needs more rights than this process has; %s: %w", port, host, advice, err)
	default:
		return fmt.Errorf("listening on %s (%s): %w", addr, advice, err)
	}
}

// EnvPrefix begins the name of every environment variable that riskd reads.
const EnvPrefix = "RISKD"

// EnvName is the environment variable of a flag: gateway-listen becomes RISKD_GATEWAY_LISTEN.
func EnvName(flag string) string {
	return EnvPrefix + "_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag))
}

type stoppingKey struct{}

// Stopping is closed when the server that handles a request is told to stop. Handlers that
// stream without end select on it beside the request's context, so that a stop need not wait for
// them. It is nil (never closed) when the request did not come through [ServeHTTP].
func Stopping(request context.Context) <-chan struct{} {
	c, _ := request.Value(stoppingKey{}).(<-chan struct{})
	return c
}

// ServeHTTP serves l until ctx ends, then gives open requests until grace (0 means 5 s) to finish
// before it closes them. It owns l. It returns nil after an ordinary stop. Requests do not see the
// end of ctx as their own end; those that never finish by themselves watch [Stopping].
func ServeHTTP(ctx context.Context, srv *http.Server, l net.Listener, grace time.Duration) error {
	if grace <= 0 {
		grace = 5 * time.Second
	}
	if srv.ReadHeaderTimeout == 0 {
		srv.ReadHeaderTimeout = ReadHeaderTimeout
	}
	base := context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done())
	srv.BaseContext = func(net.Listener) context.Context { return base }

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serving http on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(base, grace)
	defer cancel()
	if srv.Shutdown(stop) != nil {
		_ = srv.Close()
	}
	<-failed
	return nil
}
