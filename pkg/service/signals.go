package service

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// UntilSignal returns a context that ends with the first SIGTERM or SIGINT, meaning a graceful
// stop. A second one calls exit(130) at once, for the person who will not wait. release gives the
// signals back and must be called.
func UntilSignal(parent context.Context, log *slog.Logger, exit func(code int)) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for stopping := false; ; stopping = true {
			select {
			case s := <-signals:
				if stopping {
					log.Error("stopped at once by a second signal", "signal", s.String())
					exit(130)
					return
				}
				log.Info("stopping", "signal", s.String(), "hint", "send it again to stop at once")
				cancel()
			case <-quit:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-done
		cancel()
	}
}
