package engine_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

func TestATakenPortIsAnErrorThatNamesIt(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	cfg := config(t.TempDir())
	cfg.Listen = other.Addr().String()
	e, err := engine.New(cfg, engine.Deps{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	used, ok := errors.AsType[*engine.AddressInUseError](err)
	if !ok || used.Address != cfg.Listen || !strings.Contains(err.Error(), cfg.Listen) || !strings.Contains(err.Error(), "-clickhouse-listen") {
		t.Errorf("got %v, want an AddressInUseError that names %s and the flag", err, cfg.Listen)
	}
}

func TestTwoEnginesDoNotShareAPath(t *testing.T) {
	cfg := config(t.TempDir())
	first, _ := start(t, cfg, engine.Deps{})
	second, err := engine.New(cfg, engine.Deps{Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	err = second.Run(t.Context())
	used, ok := errors.AsType[*engine.PathInUseError](err)
	if !ok || used.PID != first.PID() {
		t.Errorf("got %v, want a PathInUseError with process %d", err, first.PID())
	}
	if err := first.Ready(); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
}

func TestAMissingLibraryOrConfigurationIsNamed(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "make setup") || !strings.Contains(err.Error(), "RISKD_CLICKHOUSE_DSN") {
		t.Errorf("got %v, want what to do about it", err)
	}
	cfg = config(t.TempDir())
	cfg.Listen = "0.0.0.0:8123"
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("got %v, want loopback only", err)
	}
	cfg = config(t.TempDir())
	if err := os.WriteFile(cfg.PasswordFile, []byte("0123456789abcdef0123\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.New(cfg, engine.Deps{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("got %v, want the open password file refused", err)
	}
}

func TestALibraryThatIsNoneEndsTheFirstStart(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(cfg.Library, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	e, err := engine.New(cfg, engine.Deps{Log: quiet(), Output: &output})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	if exit, ok := errors.AsType[*engine.ExitError](err); !ok || !strings.Contains(exit.Reason, "loading") {
		t.Errorf("got %v, want an ExitError with the reason", err)
	}
}
