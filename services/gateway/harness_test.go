package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/services/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a gateway over a real broker.
type house struct {
	t      testing.TB
	broker *natstest.Broker
	svc    *gateway.Service
	reg    *prometheus.Registry
	keys   string // the key file
	base   string
	client *http.Client
	stop   func()

	all, publisher, reader, acme string // API keys
}

func start(t testing.TB, change func(*gateway.Config, *gateway.Deps)) *house {
	t.Helper()
	h := &house{t: t, broker: natstest.Start(t, 2), reg: prometheus.NewRegistry(), keys: filepath.Join(t.TempDir(), "keys.json")}
	h.writeKeys()
	keys, made, err := gateway.OpenKeys(h.keys)
	if err != nil || made {
		t.Fatal(err, made)
	}
	cfg := gateway.DefaultConfig()
	cfg.Listen, cfg.Heartbeat, cfg.ReloadKeys = "127.0.0.1:0", 100*time.Millisecond, 10*time.Millisecond
	deps, err := gateway.OverNATS(t.Context(), gateway.Deps{Keys: keys, Log: slog.New(slog.DiscardHandler), Metrics: h.reg}, h.broker.JS, 2)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&cfg, &deps)
	}
	if h.svc, err = gateway.New(cfg, deps); err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + h.svc.Addr()
	h.client = &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.svc.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("gateway: %v", err)
		}
		h.client.CloseIdleConnections()
	})
	t.Cleanup(h.stop)
	return h
}

func (h *house) writeKeys() {
	h.t.Helper()
	type key struct {
		ID      string   `json:"id"`
		Hash    string   `json:"hash"`
		Tenants []string `json:"tenants"`
		Scopes  []string `json:"scopes"`
	}
	var file struct {
		Keys []key `json:"keys"`
	}
	add := func(id string, to *string, tenants, scopes string) {
		plain, hash := gateway.NewKey()
		*to = plain
		file.Keys = append(file.Keys, key{id, hash, strings.Fields(tenants), strings.Fields(scopes)})
	}
	add("all", &h.all, "*", "publish read")
	add("publisher", &h.publisher, "*", "publish")
	add("reader", &h.reader, "*", "read")
	add("acme", &h.acme, "acme", "publish read")
	raw, err := json.Marshal(file)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.keys, raw, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// reply is an answer, read whole and held against the OpenAPI description.
type reply struct {
	code   int
	header http.Header
	body   []byte

	Type, Reason string
	State        string
	Signal       json.RawMessage
	Results      []struct{ ID, Status, Reason string }
	Accepted, Duplicate, Invalid,
	Unavailable int
}

func (h *house) do(method, path, key, contentType, body string, headers ...string) reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.base+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := h.client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	out := reply{code: resp.StatusCode, header: resp.Header, body: raw}
	if err := json.Unmarshal(raw, &out); err != nil {
		h.t.Fatalf("%s %s: answer is no JSON: %q", method, path, raw)
	}
	h.conforms(method, path, out)
	return out
}

func (h *house) post(key, contentType, body string, headers ...string) reply {
	h.t.Helper()
	return h.do(http.MethodPost, "/v1/events", key, contentType, body, headers...)
}

// count reads one series of a metric.
func (h *house) count(name string, labels ...string) float64 {
	h.t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			match := 0
			for _, l := range m.Label {
				for i := 0; i < len(labels); i += 2 {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						match++
					}
				}
			}
			if match == len(labels)/2 {
				if m.Gauge != nil {
					return m.Gauge.GetValue()
				}
				return m.Counter.GetValue()
			}
		}
	}
	return 0
}
