//go:build chaos && unix

package scorer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// smallDisk mounts a small file system in dir; false where that is not allowed.
func smallDisk(t *testing.T, dir string) bool {
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=768m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no full disks in this run, mounting needs root: %v %s", err, out)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return true
}

// slowDisk mounts a disk of its own in dir, every write of which waits for it, and makes a control group that can bound its
// writes per second. It returns the file that sets the bound, "" where that is not allowed: loop devices and the first
// version of the blkio controller are needed.
func slowDisk(t *testing.T, dir string) string {
	group := filepath.Join("/sys/fs/cgroup/blkio", fmt.Sprint("riskd-chaos-", os.Getpid()))
	image := filepath.Join(t.TempDir(), "disk")
	script := `set -e
		truncate -s 6G "$1"
		mkfs.ext4 -q -F -O ^has_journal "$1"
		mount -o loop,sync "$1" "$2"
		mkdir "$3"`
	if out, err := exec.Command("sh", "-c", script, "sh", image, dir, group).CombinedOutput(); err != nil {
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		t.Logf("no slow disks in this run: %v %s", err, out)
		return ""
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
		_ = os.Remove(group)
	})
	return filepath.Join(group, "blkio.throttle.write_iops_device")
}

// slowDown bounds a disk's writes per second; 0 lifts the bound.
func (n *node) slowDown(perSecond int) error {
	var st syscall.Stat_t
	if err := syscall.Stat(n.dir, &st); err != nil {
		return err
	}
	dev := uint64(st.Dev)
	return os.WriteFile(n.slow, []byte(fmt.Sprintf("%d:%d %d", dev>>8&0xfff, dev&0xff, perSecond)), 0)
}

// losePower takes away what a node has written during the last while, as if none of it had been forced to the disk, and the node with it. It comes back
// with what was there before.
func (n *node) losePower(t *testing.T, while time.Duration) {
	n.Lock()
	defer n.Unlock()
	was := filepath.Join(t.TempDir(), "was")
	_ = n.cmd.Process.Signal(syscall.SIGSTOP)
	copyTree(t, n.js(), was)
	_ = n.cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(while)
	n.loseDisk(t)
	copyTree(t, was, n.js())
	if err := os.RemoveAll(was); err != nil {
		t.Error(err)
	}
	n.cmd = n.start()
}

// replaceDisk kills a node and has it come back with nothing.
func (n *node) replaceDisk(t *testing.T) {
	n.Lock()
	defer n.Unlock()
	n.loseDisk(t)
	n.cmd = n.start()
}

// loseDisk kills a node and removes all that it has kept; its lock is held.
func (n *node) loseDisk(t *testing.T) {
	n.early = n.early || ended(n.cmd.Process.Pid)
	kill9(n.cmd)
	if err := os.RemoveAll(n.js()); err != nil {
		t.Error(err)
	}
}

// js is where the node keeps its streams.
func (n *node) js() string { return filepath.Join(n.dir, "js") }

func copyTree(t *testing.T, from, to string) {
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Errorf("copying a node's disk: %v %s", err, out)
	}
}

// memoryFaults take from a node what it has kept.
var memoryFaults = []fault{
	{"node loses power", 1, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[rng.IntN(chaosNodes)]
		n.losePower(in.t, between(rng, 500*time.Millisecond, 4*time.Second))
		in.healthy(n, 30*time.Second)
	}},
	{"node loses its disk", 1, func(in *installation, rng *rand.Rand) {
		in.node.Lock()
		defer in.node.Unlock()
		n := &in.nodes[rng.IntN(chaosNodes)]
		n.replaceDisk(in.t)
		in.healthy(n, 30*time.Second)
	}},
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 1<<20); ; {
		if _, err := f.Write(block); err != nil {
			if errors.Is(err, syscall.ENOSPC) {
				return nil
			}
			return err
		}
	}
}
