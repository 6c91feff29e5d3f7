package service_test

import (
	"context"
	"os"
	"syscall"
	"testing"

	"github.com/riskd-io/riskd/pkg/service"
)

func TestTheFirstSignalEndsTheContextTheSecondExits(t *testing.T) {
	codes := make(chan int, 1)
	ctx, release := service.UntilSignal(context.Background(), quiet(), func(code int) { codes <- code })
	defer release()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, send := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := self.Signal(send); err != nil {
			t.Fatal(err)
		}
		if send == syscall.SIGTERM {
			<-ctx.Done()
		}
	}
	if code := <-codes; code != 130 {
		t.Errorf("exit code %d; want 130", code)
	}
}
