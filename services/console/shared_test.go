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
)

func sharing(t *testing.T, ttl time.Duration) *shared {
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
		c, asked := sharing(t, 1500*time.Millisecond), atomic.Int64{}
		h := c.page(func(*http.Request) (page, error) {
			asked.Add(1)
			time.Sleep(80 * time.Millisecond)
			return page{Title: "x"}, nil
		})
		start := time.Now()
		var wg sync.WaitGroup
		for tab := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(tab) * 100 * time.Millisecond)
				for time.Since(start) < 20*time.Second {
					path := "/?window=24h&tenant=a"
					if tab%2 == 0 {
						path = "/?tenant=a&fragment=1&window=24h" // the same, asked in another way
					}
					if p, err := h(request(t.Context(), path)); err != nil || p.Title != "x" {
						t.Errorf("tab %d: %q, %v", tab, p.Title, err)
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
		if _, err := h(request(t.Context(), "/?window=7d")); err != nil || asked.Load() < 2 {
			t.Errorf("another window was not asked: %v", err)
		}
	})
}

func TestErrorsAreNotKept(t *testing.T) {
	c, n := sharing(t, time.Minute), 0
	h := c.page(func(*http.Request) (page, error) {
		n++
		if n == 1 {
			return page{}, errors.New("away")
		}
		return page{Title: "back"}, nil
	})
	if _, err := h(request(t.Context(), "/")); err == nil {
		t.Error("the error was lost")
	}
	if p, err := h(request(t.Context(), "/")); err != nil || p.Title != "back" {
		t.Errorf("after an error: %q, %v", p.Title, err)
	}
}

func TestWhoAsksFirstMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sharing(t, time.Minute)
		h := c.page(func(r *http.Request) (page, error) {
			select {
			case <-time.After(time.Second):
				return page{Title: "whole"}, nil
			case <-r.Context().Done():
				return page{}, r.Context().Err()
			}
		})
		first, leave := context.WithCancel(t.Context())
		go func() { _, _ = h(request(first, "/")) }()
		synctest.Wait()
		leave()
		if p, err := h(request(t.Context(), "/")); err != nil || p.Title != "whole" {
			t.Errorf("the second: %q, %v", p.Title, err)
		}
		waiting, gone := context.WithCancel(t.Context())
		gone()
		go func() { _, _ = h(request(t.Context(), "/other")) }()
		synctest.Wait()
		if _, err := h(request(waiting, "/other")); !errors.Is(err, context.Canceled) {
			t.Errorf("one who left while waiting: %v", err)
		}
		time.Sleep(2 * time.Second) // the other page is finished
	})
}

func TestSharedPagesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n := sharing(t, time.Second), 0
		h := c.page(func(*http.Request) (page, error) { n++; return page{}, nil })
		for i := range 3 * maxShared {
			_, _ = h(request(t.Context(), fmt.Sprintf("/?user=%d", i)))
		}
		if len(c.pages) != maxShared || n != 3*maxShared {
			t.Errorf("%d pages are held, %d were made", len(c.pages), n)
		}
		time.Sleep(2 * time.Second)
		_, _ = h(request(t.Context(), "/?user=new"))
		if len(c.pages) != 1 {
			t.Errorf("%d pages are held after the old ones ended, want 1", len(c.pages))
		}
	})
}
