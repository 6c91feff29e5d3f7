package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/signin"
)

func newSharing(t *testing.T, ttl time.Duration) *shared {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return newShared(ttl, m)
}

func request(ctx context.Context, path string) *http.Request {
	return httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
}

func TestTenTabsCostAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked := newSharing(t, 1500*time.Millisecond), atomic.Int64{}
		h := c.answer(func(*http.Request) (any, error) {
			asked.Add(1)
			time.Sleep(80 * time.Millisecond)
			return "x", nil
		})
		start := time.Now()
		var wg sync.WaitGroup
		for tab := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(tab) * 100 * time.Millisecond)
				for time.Since(start) < 20*time.Second {
					path := "/api/live?window=24h&tenant=a"
					if tab%2 == 0 {
						path = "/api/live/stream?tenant=a&window=24h" // the same, asked in another way
					}
					if p, err := h(request(t.Context(), path), signin.Person{}); err != nil || p != "x" {
						t.Errorf("tab %d: %v, %v", tab, p, err)
					}
					time.Sleep(2 * time.Second)
				}
			})
		}
		wg.Wait()
		// Ten tabs of ten rounds are a hundred pages; one tab alone would ask about ten times.
		if n := asked.Load(); n > 14 {
			t.Errorf("asked %d times, want about 10", n)
		}
		if _, err := h(request(t.Context(), "/?window=7d"), signin.Person{}); err != nil || asked.Load() < 2 {
			t.Errorf("another window was not asked: %v", err)
		}
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	c, n := newSharing(t, time.Minute), 0
	h := c.answer(func(*http.Request) (any, error) {
		n++
		if n == 1 {
			return nil, errors.New("away")
		}
		return "back", nil
	})
	if _, err := h(request(t.Context(), "/"), signin.Person{}); err == nil {
		t.Error("the error was lost")
	}
	if p, err := h(request(t.Context(), "/"), signin.Person{}); err != nil || p != "back" {
		t.Errorf("after an error: %v, %v", p, err)
	}
}

func TestWhoAsksFirstMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newSharing(t, time.Minute)
		h := c.answer(func(r *http.Request) (any, error) {
			select {
			case <-time.After(time.Second):
				return "whole", nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		first, leave := context.WithCancel(t.Context())
		go func() { _, _ = h(request(first, "/"), signin.Person{}) }()
		synctest.Wait()
		leave()
		if p, err := h(request(t.Context(), "/"), signin.Person{}); err != nil || p != "whole" {
			t.Errorf("the second: %v, %v", p, err)
		}
		waiting, gone := context.WithCancel(t.Context())
		gone()
		go func() { _, _ = h(request(t.Context(), "/other"), signin.Person{}) }()
		synctest.Wait()
		if _, err := h(request(waiting, "/other"), signin.Person{}); !errors.Is(err, context.Canceled) {
			t.Errorf("one who left while waiting: %v", err)
		}
		time.Sleep(2 * time.Second) // the other page is finished
	})
}

func TestSharedPagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n := newSharing(t, time.Second), 0
		h := c.answer(func(*http.Request) (any, error) { n++; return nil, nil })
		for i := range 3 * maxShared {
			_, _ = h(request(t.Context(), fmt.Sprintf("/?user=%d", i)), signin.Person{})
		}
		if len(c.byKey) != maxShared || n != 3*maxShared {
			t.Errorf("%d pages are held, %d were made", len(c.byKey), n)
		}
		time.Sleep(2 * time.Second)
		_, _ = h(request(t.Context(), "/?user=new"), signin.Person{})
		if len(c.byKey) != 1 {
			t.Errorf("%d pages are held after the old ones ended, want 1", len(c.byKey))
		}
	})
}
