package policylogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/policylog"
)

// Run checks what every log has to do. open gives another handle on the same, at first empty, log.
func Run(t *testing.T, open func(t *testing.T) policylog.Log) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	a, b := open(t), open(t)

	if _, err := a.Get(ctx, policylog.Digest(nil)); !errors.Is(err, policylog.ErrMissing) {
		t.Errorf("a text that was never put: got %v, want ErrMissing", err)
	}
	text := bytes.Repeat([]byte("id: big # and long\n"), policylog.MaxText/19)
	for range 2 { // repeating is harmless
		if err := a.Put(ctx, policylog.Digest(text), text); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := b.Get(ctx, policylog.Digest(text)); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the text did not come back: %d bytes, %v", len(got), err)
	}

	// Two writers: of each change one is taken, and both see the same ones in order.
	const changes = 20
	var wg sync.WaitGroup
	won := make([]int, 2)
	for i, l := range []policylog.Log{a, b} {
		wg.Go(func() {
			for n := uint64(1); n <= changes; n++ {
				err := l.Append(ctx, n, fmt.Appendf(nil, "%d by %d", n, i))
				switch {
				case err == nil:
					won[i]++
				case !errors.Is(err, policylog.ErrTaken):
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if won[0]+won[1] != changes {
		t.Errorf("%d and %d appends succeeded, want %d in all", won[0], won[1], changes)
	}
	seen := [2][]string{}
	follow, stop := context.WithCancel(ctx)
	defer stop()
	known := make(chan struct{}, 2)
	for i, l := range []policylog.Log{a, b} {
		wg.Go(func() {
			err := l.Follow(follow, func(n uint64, data []byte) error {
				if n != uint64(len(seen[i]))+1 {
					return fmt.Errorf("change %d after %d", n, len(seen[i]))
				}
				seen[i] = append(seen[i], string(data))
				if n == changes+1 && i == 0 {
					stop()
				}
				return nil
			}, func() {
				if len(seen[i]) < changes {
					t.Errorf("told to know all with %d changes", len(seen[i]))
				}
				known <- struct{}{}
			})
			if err != nil {
				t.Errorf("follow: %v", err)
			}
		})
	}
	for range 2 {
		select {
		case <-known:
		case <-ctx.Done():
			t.Fatal("known was never called")
		}
	}
	if err := b.Append(ctx, changes+1, []byte("late")); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if len(seen[0]) != changes+1 || seen[0][changes] != "late" {
		t.Errorf("what came after was not handed over: %q", seen[0])
	}
	for i := range changes {
		if seen[0][i] != seen[1][i] {
			t.Errorf("change %d is %q to one and %q to the other", i+1, seen[0][i], seen[1][i])
		}
	}
	failure := errors.New("no more")
	if err := a.Follow(ctx, func(uint64, []byte) error { return failure }, func() {}); !errors.Is(err, failure) {
		t.Errorf("follow with a failing hand: %v", err)
	}
}
