package engine_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/riskd-io/riskd/pkg/clickhouse/engine"
)

func TestTheChildReachesNothingButItsOwnDirectory(t *testing.T) {
	version, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if int(version) < 6 {
		t.Skipf("needs Landlock 6 to see all of it, this kernel has %d", int(version))
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("top secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	try := func(free bool) string {
		cfg := config(t.TempDir())
		cfg.Command = []string{self, "probe", secret, listener.Addr().String()}
		cfg.NoSandbox = free
		var output strings.Builder
		e, err := engine.New(cfg, engine.Deps{Log: quiet(), Output: &output})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Run(t.Context()); err == nil {
			t.Error("a child that is no engine: got no error")
		}
		return output.String()
	}
	want := "read: refused\nwrite: refused\ncreate: refused\nlist: refused\nspy: refused\nconnect: refused\nsignal: refused\nrun: refused\nown: done\ntemp: done\n"
	if got := try(false); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// Without the sandbox all of it works, so that it is what refuses.
	if got := try(true); strings.Contains(got, "refused") {
		t.Errorf("without a sandbox: got\n%s", got)
	}
}
