package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/broker/nats/natstest"
	"github.com/riskd-io/riskd/schemas"
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

const apiURL = "https://schemas.riskd.dev/v1/gateway.openapi.json"

var api = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := schemas.JSON.ReadDir("json")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		raw, err := schemas.JSON.ReadFile("json/" + f.Name())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		if err := c.AddResource("https://schemas.riskd.dev/v1/"+f.Name(), doc); err != nil {
			return nil, err
		}
	}
	return c, nil
})

// conforms holds an answer against what the OpenAPI description says of its path and status.
func (h *house) conforms(method, path string, r reply) {
	h.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	if strings.HasPrefix(path, "/v1/sessions/") {
		path = "/v1/sessions/{tenant}/{session}"
	}
	raw, err := schemas.JSON.ReadFile("json/gateway.openapi.json")
	if err != nil {
		h.t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Ref     string `json:"$ref"`
				Content map[string]any
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		h.t.Fatal(err)
	}
	op, ok := doc.Paths[path][strings.ToLower(method)]
	if !ok {
		return // not in the description: 404 and 405
	}
	media := r.header.Get("Content-Type")
	resp, ok := op.Responses[fmt.Sprint(r.code)]
	if !ok {
		h.t.Errorf("%s %s: status %d is not described", method, path, r.code)
		return
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	at := fmt.Sprintf("#/paths/%s/%s/responses/%d/content/%s/schema", escape(path), strings.ToLower(method), r.code, escape(media))
	if resp.Ref != "" {
		at = resp.Ref + "/content/" + escape(media) + "/schema"
	} else if _, ok := resp.Content[media]; !ok {
		h.t.Errorf("%s %s %d: media type %q is not described", method, path, r.code, media)
		return
	}
	c, err := api()
	if err != nil {
		h.t.Fatal(err)
	}
	schema, err := c.Compile(apiURL + at)
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := schema.Validate(body); err != nil {
		h.t.Errorf("%s %s %d: answer %s is not as described: %v", method, path, r.code, r.body, err)
	}
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
