package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/riskd-io/riskd/pkg/clickhouse/enginetest"
	"github.com/riskd-io/riskd/pkg/signin"
	"github.com/riskd-io/riskd/pkg/story"
	"github.com/riskd-io/riskd/pkg/story/storytest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
	"github.com/riskd-io/riskd/services/console/api"
	"github.com/riskd-io/riskd/services/console/audit"
)

// desk is a console on a database, with one user of each role, and what it published.
type desk struct {
	*Service
	t    *testing.T
	sent *sent
	book *audit.Book
}

// writer hides that a book has to be run: open does, for tests that serve nothing.
type writer struct{ Audit }

// sent keeps what was published.
type sent struct {
	mu   sync.Mutex
	evs  []*riskdv1.Event
	fail error
}

func (s *sent) Publish(_ context.Context, ev *riskdv1.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.evs = append(s.evs, ev)
	return nil
}

type twoHeads struct{ err error }

func (h twoHeads) Heads(context.Context) ([]Head, error) {
	return []Head{{Partition: 3, Input: 30, Judged: 28, Journal: 9}, {Partition: 5, Input: 7, Judged: 7, Journal: 4}}, h.err
}

const password = "a password for tests"

func open(t *testing.T, conn driver.Conn) *desk {
	t.Helper()
	r, err := story.New(story.DefaultConfig(), conn)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users.json")
	users, err := signin.OpenUsers(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range signin.Roles {
		if err := users.Put(string(role)+"@acme", role, password, true, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	sc := signin.DefaultConfig()
	sc.Users = file
	front, err := signin.NewDesk(sc, []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	book, err := audit.New(audit.Deps{ClickHouse: conn, Log: enginetest.Quiet(), Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	out := &sent{}
	s, err := New(cfg, Deps{Stories: r, Audit: writer{book}, Desk: front, Publisher: out, Road: twoHeads{}, Log: enginetest.Quiet(), Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return storytest.Now }
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- book.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done; _ = s.Close() })
	return &desk{s, t, out, book}
}

// reply is an answer.
type reply struct {
	code int
	body string
	head http.Header
}

// do sends a request as somebody who has the cookie.
func (d *desk) do(method, path, body string, cookie *http.Cookie, change ...func(*http.Request)) reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:8481"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Body.String(), w.Header()}
}

// as signs in, and returns the cookie and its token.
func (d *desk) as(role signin.Role) (*http.Cookie, string) {
	d.t.Helper()
	r := d.do("POST", "/api/signin", `{"name":"`+string(role)+`@acme","password":"`+password+`"}`, nil)
	if r.code != http.StatusOK {
		d.t.Fatalf("signing in as %s: %d %s", role, r.code, r.body)
	}
	var me api.Me
	if err := json.Unmarshal([]byte(r.body), &me); err != nil {
		d.t.Fatal(err)
	}
	c, err := http.ParseSetCookie(r.head.Get("Set-Cookie"))
	if err != nil {
		d.t.Fatal(err)
	}
	return c, me.CSRF
}

func withToken(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("X-Riskd-CSRF", token) }
}

// link is a path with query values; pairs are name, value.
func link(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}
