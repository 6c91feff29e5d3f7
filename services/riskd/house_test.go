//go:build integration

// The tag means: these tests need the ClickHouse engine that `make setup` fetches, found through
// RISKD_LIBCHDB or in RISKD_DATA, and start riskd as a process of its own.

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/riskd-io/riskd/pkg/service"
)

// house is a running riskd.
type house struct {
	t    *testing.T
	cmd  *exec.Cmd
	data string
	at   map[string]string // addresses by name: gateway, console, health, nats, clickhouse
	tool string            // riskctl, after withTool

	mu  sync.Mutex
	log bytes.Buffer
	eof chan struct{}
}

// library is the engine's file; without it there is nothing to test here.
func library(t *testing.T) string {
	t.Helper()
	file := os.Getenv("RISKD_LIBCHDB")
	if file == "" {
		data := os.Getenv("RISKD_DATA")
		if data == "" {
			data = filepath.Join("..", "..", ".riskd")
		}
		file = filepath.Join(data, "engine", "libchdb.so")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(file) {
		t.Fatalf("%s is missing: run `make setup`", file)
	}
	return file
}

// command is riskd on free ports, with none of this process's settings.
func command(t *testing.T, data string, settings ...string) *exec.Cmd {
	t.Helper()
	args := []string{"-data", data, "-libchdb", library(t), "-log-format", "json"}
	for _, listen := range []string{"gateway", "console", "admin", "nats", "clickhouse"} {
		args = append(args, "-"+listen+"-listen", "127.0.0.1:0")
	}
	cmd := exec.Command(os.Args[0], append(args, settings...)...)
	cmd.Env = []string{childEnv + "=1"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, service.EnvPrefix) {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	return cmd
}

// start runs riskd on free ports in the data folder and returns when it is up.
func start(t *testing.T, data string, settings ...string) *house {
	t.Helper()
	h := &house{t: t, data: data, eof: make(chan struct{}), cmd: command(t, data, settings...)}
	stderr, err := h.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := make(chan map[string]string, 1)
	go h.follow(stderr, up)
	t.Cleanup(func() {
		if h.cmd.ProcessState == nil {
			h.end(syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("riskd said:\n%s", h.said())
		}
	})
	select {
	case h.at = <-up:
	case <-h.eof:
		t.Fatalf("riskd ended before it was up:\n%s", h.said())
	case <-time.After(time.Minute):
		t.Fatalf("riskd is not up after a minute:\n%s", h.said())
	}
	return h
}

// follow keeps what riskd says and finds the record that tells the addresses.
func (h *house) follow(from io.Reader, up chan<- map[string]string) {
	defer close(h.eof)
	for lines := bufio.NewScanner(from); lines.Scan(); {
		h.mu.Lock()
		h.log.Write(append(lines.Bytes(), '\n'))
		h.mu.Unlock()
		var record map[string]any
		if json.Unmarshal(lines.Bytes(), &record) != nil || record["msg"] != "up" {
			continue
		}
		at := map[string]string{}
		for key, value := range record {
			if text, ok := value.(string); ok {
				at[key] = text
			}
		}
		up <- at
	}
}

func (h *house) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// end sends a signal, waits for the process and returns its exit code, -1 when it was killed.
func (h *house) end(signal syscall.Signal) int {
	h.t.Helper()
	if err := h.cmd.Process.Signal(signal); err != nil {
		h.t.Fatal(err)
	}
	<-h.eof
	_ = h.cmd.Wait() // the code says it
	return h.cmd.ProcessState.ExitCode()
}

// key is the API key of the first start.
func (h *house) key() string { return h.read("gateway.key") }

// password is the embedded engine's.
func (h *house) password() string { return h.read("clickhouse.password") }

func (h *house) read(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.data, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// call does a request at the gateway with the key; body "" is a GET.
func (h *house) call(path, contentType, body string) (status int, answer string) {
	h.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, h.at["gateway"]+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+h.key())
	req.Header.Set("Content-Type", contentType)
	return h.do(req)
}

// do answers with the status and the body. Connections are not kept, so that none is left over.
func (h *house) do(req *http.Request) (status int, answer string) {
	h.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// host is the host:port of an address.
func (h *house) host(name string) string {
	h.t.Helper()
	u, err := url.Parse(h.at[name])
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Host
}

// ask runs SQL at the embedded engine as any HTTP client would.
func (h *house) ask(sql string) string {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+h.host("clickhouse"), strings.NewReader(sql))
	if err != nil {
		h.t.Fatal(err)
	}
	req.SetBasicAuth("riskd", h.password())
	status, answer := h.do(req)
	if status != http.StatusOK {
		return fmt.Sprintf("%d: %s", status, answer)
	}
	return strings.TrimSpace(answer)
}

// until asks again until the answer is the wanted one, and fails after patience.
func (h *house) until(patience time.Duration, what string, ask func() string, want string) {
	h.t.Helper()
	var got string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if got = ask(); got == want {
			return
		}
	}
	h.t.Fatalf("%s: %q after %s; want %q", what, got, patience, want)
}

// login is a login of a user as a structured CloudEvent, from a place that a trusted upstream names.
func login(id, user, session, device string, lat, lon float64, country string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"//test/web","type":"dev.riskd.activity.v1","time":%q,"data":{`+
		`"tenant_id":"acme","user":{"id":%q},"session":{"id":%q},"device":{"id":%q},`+
		`"network":{"ip":"203.0.113.7","geo":{"lat":%g,"lon":%g,"accuracy_km":20,"country":%q},"asn":64500,"kind":"residential"},`+
		`"http":{"user_agent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},`+
		`"action":"auth.login","outcome":"success"}}`,
		id, time.Now().UTC().Format(time.RFC3339Nano), user, session, device, lat, lon, country)
}
