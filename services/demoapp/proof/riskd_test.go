//go:build integration

package proof

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/riskd-io/riskd/pkg/enrich"
	"github.com/riskd-io/riskd/pkg/service/servicetest"
	riskdv1 "github.com/riskd-io/riskd/schemas/gen/riskd/v1"
)

// house is a real riskd with all roles and an empty data directory, and the demo app beside it.
type house struct {
	t       *testing.T
	data    string
	nats    string
	gateway string
	admin   string
	click   string
	site    string
	secrets map[string]string
	ended   chan struct{} // one for each program that ends
}

func build(t *testing.T) *house {
	t.Helper()
	root := top(t)
	setup := os.Getenv("RISKD_DATA")
	if setup == "" {
		setup = filepath.Join(root, ".riskd")
	}
	h := &house{t: t, data: t.TempDir(), ended: make(chan struct{}, 2)}
	for _, part := range []string{"engine", "geo"} {
		if _, err := os.Stat(filepath.Join(setup, part)); err != nil {
			t.Fatalf("%s is not there: run make setup", filepath.Join(setup, part))
		}
		if err := os.Symlink(filepath.Join(setup, part), filepath.Join(h.data, part)); err != nil {
			t.Fatal(err)
		}
	}
	addr := func() string { return servicetest.FreeAddress(t) }
	nats, gateway, admin, click, app := addr(), addr(), addr(), addr(), addr()
	h.nats, h.gateway, h.admin, h.click = "nats://"+nats, "http://"+gateway, "http://"+admin, "http://"+click
	h.start("riskd", nil, "-data", h.data, "-nats-listen", nats, "-gateway-listen", gateway, "-admin-listen", admin,
		"-clickhouse-listen", click, "-console-listen", addr(), "-partitions", "4", "-log-level", "warn")
	h.until("riskd is ready", time.Minute, func() bool { return status(h.admin+"/readyz") == 200 })

	_, port, _ := net.SplitHostPort(app)
	h.site = "http://localhost:" + port
	var printed lines
	h.start("demoapp", &printed, "-listen", app, "-nats-url", h.nats, "-trust-forwarded")
	h.until("the demo app's guard is ready", time.Minute, func() bool {
		resp, err := http.Get(h.site + "/healthz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return strings.TrimSpace(string(text)) == "READY"
	})
	h.secrets = secretsOf(printed.String())
	return h
}

// lines collects what a program prints.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.buf.Write(b) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.buf.String() }

// start runs one of the binaries until the test ends. What it logs is shown when the test fails.
func (h *house) start(name string, stdout io.Writer, args ...string) {
	h.t.Helper()
	path := filepath.Join(top(h.t), "bin", name)
	if _, err := os.Stat(path); err != nil {
		h.t.Fatalf("%s is not there: run make build", path)
	}
	cmd := exec.Command(path, args...)
	var log lines
	cmd.Stdout, cmd.Stderr = stdout, &log
	if stdout == nil {
		cmd.Stdout = &log
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait(); h.ended <- struct{}{} }()
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-done:
			if err != nil {
				h.t.Errorf("%s ended with %v", name, err)
			}
		case <-time.After(30 * time.Second):
			h.t.Errorf("%s did not stop within 30 s", name)
			_ = cmd.Process.Kill()
			<-done
		}
		if h.t.Failed() {
			h.t.Logf("%s said:\n%s", name, log.String())
		}
	})
}

func (h *house) until(what string, most time.Duration, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(most); !ok(); time.Sleep(100 * time.Millisecond) {
		select {
		case <-h.ended:
			h.t.Fatalf("a program ended; waiting for: %s", what)
		default:
		}
		if time.Now().After(end) {
			h.t.Fatalf("not within %v: %s", most, what)
		}
	}
}

func status(address string) int {
	resp, err := http.Get(address)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// apiKey is what riskd generated for the gateway at its first start.
func (h *house) apiKey() string {
	h.t.Helper()
	key, err := os.ReadFile(filepath.Join(h.data, "gateway.key"))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// rows asks ClickHouse, over its HTTP interface as any client would.
func (h *house) rows(query string, args ...any) (rows []map[string]any) {
	h.t.Helper()
	password, err := os.ReadFile(filepath.Join(h.data, "clickhouse.password"))
	if err != nil {
		h.t.Fatal(err)
	}
	q := fmt.Sprintf(query, args...) + " FORMAT JSONEachRow"
	req, _ := http.NewRequest("POST", h.click+"/?database=risk", strings.NewReader(q))
	req.SetBasicAuth("riskd", strings.TrimSpace(string(password)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		h.t.Fatalf("%s: %s %s", q, resp.Status, text)
	}
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		row := map[string]any{}
		if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
			h.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// column is one column of the rows.
func column(rows []map[string]any, name string) (values []string) {
	for _, r := range rows {
		values = append(values, fmt.Sprint(r[name]))
	}
	return values
}

// addressIn finds a real address of a household in a city, in the geo data that riskd itself uses.
func (h *house) addressIn(city, country string) netip.Addr {
	h.t.Helper()
	file, asn := filepath.Join(h.data, "geo", "GeoLite2-City.mmdb"), filepath.Join(h.data, "geo", "asn.mmdb")
	db, err := maxminddb.Open(file)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	en, err := enrich.New(enrich.Config{City: file, ASN: asn})
	if err != nil {
		h.t.Fatal(err)
	}
	for r := range db.Networks() {
		var name, code string
		var radius uint16
		if r.DecodePath(&name, "city", "names", "en") != nil || name != city ||
			r.DecodePath(&code, "country", "iso_code") != nil || code != country ||
			r.DecodePath(&radius, "location", "accuracy_radius") != nil || radius > 50 {
			continue
		}
		addr := r.Prefix().Addr().Next()
		if !addr.Unmap().Is4() {
			continue
		}
		addr = addr.Unmap()
		got := en.Enrich(&riskdv1.Event{Network: &riskdv1.Network{Ip: addr.String()}}, time.Now().UnixMilli())
		if got.GetGeo().GetCity() == city && (got.Kind == "residential" || got.Kind == "" && got.Asn != 0) {
			return addr
		}
	}
	h.t.Fatalf("no address in %s, %s", city, country)
	return netip.Addr{}
}

func challengeIn(t *testing.T, at string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil || !strings.HasPrefix(u.Query().Get("c"), "ch_") {
		t.Fatalf("no challenge in %s", at)
	}
	return u.Query().Get("c")
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
