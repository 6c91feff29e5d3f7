package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

// shared is the engine that most tests use; each works in tables of its own.
var shared *engine.Engine

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), engine.ChildOptions{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "parent" {
		os.Exit(parent(os.Args[2]))
	}
	if len(os.Args) > 2 && os.Args[1] == "hold" {
		hold(os.Args[2])
	}
	if len(os.Args) > 3 && os.Args[1] == "probe" {
		probe(os.Args[2], os.Args[3])
	}
	os.Exit(run(m))
}

// probe is a child that tries what it must not, and what it must, in place of an engine.
func probe(file, address string) {
	say := func(what string, err error) {
		fmt.Println(what+":", map[bool]string{true: "done", false: "refused"}[err == nil])
	}
	_, err := os.ReadFile(file)
	say("read", err)
	say("write", os.WriteFile(file, []byte("changed"), 0o600))
	say("create", os.WriteFile(file+".new", nil, 0o600))
	_, err = os.ReadDir(filepath.Dir(file))
	say("list", err)
	_, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
	say("spy", err)
	_, err = net.DialTimeout("tcp", address, time.Second)
	say("connect", err)
	say("signal", syscall.Kill(os.Getppid(), 0))
	say("run", exec.Command("/bin/true").Run())
	say("own", os.WriteFile("own", []byte("x"), 0o600))
	_, err = os.CreateTemp("", "x")
	say("temp", err)
	os.Exit(0)
}

func run(m *testing.M) int {
	if os.Getenv("RISKD_SKIP_ENGINE") == "1" {
		fmt.Println("skipped: RISKD_SKIP_ENGINE=1")
		return 0
	}
	directory, err := os.MkdirTemp("", "riskd-engine-*")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(directory)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	shared, err = engine.New(config(directory), engine.Deps{Log: quiet(), Output: os.Stderr})
	if err != nil {
		fmt.Println("the tests need the real engine:", err)
		return 1
	}
	go func() { done <- shared.Run(ctx) }()
	code := 1
	if err := waitReady(shared, done); err != nil {
		fmt.Println("starting the engine:", err)
	} else {
		code = m.Run()
	}
	cancel()
	if err := <-done; err != nil {
		fmt.Println("the engine's end:", err)
		code = 1
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); err != nil {
		fmt.Println(err)
		code = 1
	}
	return code
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// config keeps an engine in a directory, with the library that `make setup` installed.
func config(directory string) engine.Config {
	cfg := engine.DefaultConfig(directory)
	cfg.Listen = "127.0.0.1:0"
	if os.Getenv("RISKD_LIBCHDB") == "" {
		cfg.Library = findLibrary()
	}
	return cfg
}

// findLibrary walks up to the repository's data directory.
func findLibrary() string {
	directory, err := os.Getwd()
	if err != nil {
		return "libchdb.so"
	}
	for ; ; directory = filepath.Dir(directory) {
		path := filepath.Join(directory, ".riskd", "engine", "libchdb.so")
		if _, err := os.Stat(path); err == nil || directory == filepath.Dir(directory) {
			return path
		}
	}
}

func waitReady(e *engine.Engine, done <-chan error) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		select {
		case err := <-done:
			return errors.Join(errors.New("it ended"), err)
		case <-time.After(5 * time.Millisecond):
		}
		if err := e.Ready(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// client is clickhouse-go over HTTP.
func client(t testing.TB, e *engine.Engine, change ...func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	options, err := clickhouse.ParseDSN(e.DSN())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range change {
		one(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func execute(t testing.TB, conn driver.Conn, sql string, arguments ...any) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t testing.TB, conn driver.Conn, table string) (n uint64) {
	t.Helper()
	if err := conn.QueryRow(context.Background(), "SELECT count() FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// raw sends a request as curl would. The parameters come as name, value, name, value.
func raw(t testing.TB, e *engine.Engine, method, body string, parameters ...string) (int, string, http.Header) {
	t.Helper()
	return rawWith(t, e, method, strings.NewReader(body), nil, parameters...)
}

func rawWith(t testing.TB, e *engine.Engine, method string, body io.Reader, header http.Header, parameters ...string) (int, string, http.Header) {
	t.Helper()
	request := newRequest(t, e, method, body, parameters...)
	for name, values := range header {
		request.Header[name] = values
		if name == "Host" {
			request.Host = values[0]
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v (got %q)", err, data)
	}
	return response.StatusCode, string(data), response.Header
}

func newRequest(t testing.TB, e *engine.Engine, method string, body io.Reader, parameters ...string) *http.Request {
	t.Helper()
	address, err := url.Parse(e.DSN())
	if err != nil {
		t.Fatal(err)
	}
	user := address.User
	values := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	address.User, address.Path, address.RawQuery = nil, "/", values.Encode()
	request, err := http.NewRequestWithContext(t.Context(), method, address.String(), body)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := user.Password()
	request.SetBasicAuth(user.Username(), secret)
	return request
}
