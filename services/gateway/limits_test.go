package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/services/gateway"
)

func TestAKeysRateIsBounded(t *testing.T) {
	h := start(t, func(c *gateway.Config, _ *gateway.Deps) { c.EventsPerSecond, c.Burst = 0.001, 3 })
	if r := h.post(h.all, batchJSON, "["+event("1", "acme")+","+event("2", "acme")+"]"); r.code != http.StatusAccepted {
		t.Fatalf("got %d %s", r.code, r.body)
	}
	if r := h.post(h.all, batchJSON, "["+event("3", "acme")+","+event("4", "acme")+"]"); r.code != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", r.code, r.body)
	}
	if r := h.post(h.acme, ceJSON, event("5", "acme")); r.code != http.StatusAccepted {
		t.Errorf("another key: got %d, want its own rate", r.code)
	}
	if n := len(h.stored()); n != 3 {
		t.Errorf("got %d stored, want 3: a refused batch is refused whole", n)
	}
}

func TestABodyThatNeverEndsIsGivenUp(t *testing.T) {
	h := start(t, func(c *gateway.Config, _ *gateway.Deps) { c.RequestTimeout = 300 * time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n{", h.all, ceJSON)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, 64)
	n, err := conn.Read(buf)
	if err != nil || !strings.Contains(string(buf[:n]), " 408 ") {
		t.Errorf("got %q, %v, want 408", buf[:n], err)
	}
}

func TestStreamsAreBoundedAndAStopEndsThem(t *testing.T) {
	h := start(t, func(c *gateway.Config, _ *gateway.Deps) { c.MaxStreams = 1 })
	next, closeIt := h.listen(h.reader, "", "")
	defer closeIt()
	if r := h.do("GET", "/v1/signals", h.reader, "", ""); r.code != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("got %d %s", r.code, r.body)
	}
	stopped := make(chan string, 1)
	go func() { stopped <- next() }()
	begin := time.Now()
	h.stop()
	if got := <-stopped; got != "end" {
		t.Errorf("got %s", got)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the stop waited %v for a stream", took)
	}
}

// flood is a source of endless signals.
type flood struct{}

func (flood) Last(context.Context) (uint64, error)           { return 0, nil }
func (flood) Open(from uint64) (gateway.SignalReader, error) { return &flood2{from}, nil }

type flood2 struct{ pos uint64 }

func (*flood2) Close() {}
func (f *flood2) Take(_ context.Context, dst []gateway.Positioned) ([]gateway.Positioned, error) {
	for range 64 {
		dst = append(dst, gateway.Positioned{Position: f.pos, Signal: signal("acme", "s", f.pos, "required")})
		f.pos++
	}
	return dst, nil
}

func TestAClientThatDoesNotReadIsDroppedAndCounted(t *testing.T) {
	h := start(t, func(c *gateway.Config, d *gateway.Deps) { c.StreamWrite, d.Signals = 200*time.Millisecond, flood{} })
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "GET /v1/signals HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", h.reader)
	natstest.Eventually(t, "the client is dropped", func() bool { return h.count("riskd_gateway_streams_dropped_total") == 1 })
	natstest.Eventually(t, "its stream is closed", func() bool { return h.count("riskd_gateway_streams") == 0 })
}
