//go:build chaos && unix

package scorer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/riskd-io/riskd/pkg/service/servicetest"
)

// victim is a process and what it is started with; its lock belongs to the fault at work.
type victim struct {
	sync.Mutex
	name  string
	said  *os.File
	cmd   *exec.Cmd
	start func() *exec.Cmd
	over  network // its way to the nodes
	early bool    // it had ended by itself before it was to be killed
}

// run starts riskd as it is shipped, now and after each kill.
func (v *victim) run(in *installation, bin, name string, args ...string) {
	t := in.t
	data, admin := t.TempDir(), servicetest.FreeAddress(t)
	said, err := os.Create(filepath.Join(data, "said"))
	if err != nil {
		t.Fatal(err)
	}
	v.name, v.said = name, said
	var nodes string
	nodes, v.over = in.to()
	t.Cleanup(func() {
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("the last words of %s:\n%s", name, text[max(0, len(text)-4000):])
		}
	})
	args = append(args, "-data", data, "-admin-listen", admin, "-nats-url", nodes, "-replicas", fmt.Sprint(chaosNodes), "-log-level", "info")
	v.start = func() *exec.Cmd {
		cmd := exec.Command(bin, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data, "TMPDIR=" + os.TempDir()}
		cmd.Stderr = said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { kill9(cmd) })
		return cmd
	}
	v.cmd = v.start()
}

// riskdBinary is the program as it is shipped: RISKD_BIN, or built here.
func riskdBinary(t *testing.T) string {
	if bin := os.Getenv("RISKD_BIN"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "riskd")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", bin, "../riskd").CombinedOutput(); err != nil {
		t.Fatalf("building riskd: %v\n%s", err, out)
	}
	return bin
}

// alive checks that nothing has ended by itself, now or before a fault would have killed it: every role waits for what is away.
func (in *installation) alive() {
	all := []*victim{&in.sink}
	for i := range in.scorers {
		all = append(all, &in.scorers[i])
	}
	for i := range in.nodes {
		all = append(all, &in.nodes[i].victim)
	}
	for _, v := range all {
		v.Lock()
		if v.early || ended(v.cmd.Process.Pid) {
			in.t.Errorf("%s has ended by itself", v.name)
		}
		v.Unlock()
	}
}

// ended tells whether a child has ended and waits to be reaped.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(text), ") ")
	return ok && strings.HasPrefix(rest, "Z")
}
