package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// prepare makes the child a process group of its own, so that Ctrl-C reaches the parent
// alone and a signal to the child's group stays there, and lets it die with the parent. The second
// is tied to the thread that starts it: that thread must live as long as the child.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// parentOf reads a process's parent.
func parentOf(pid int) (int, bool) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	// The name, in brackets, may hold anything.
	_, rest, ok := strings.Cut(string(data[max(0, strings.LastIndexByte(string(data), ')')):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(fields[1])
	return parent, err == nil
}

func firstThread() bool { return unix.Gettid() == unix.Getpid() }

func dup2(from, to int) error { return unix.Dup3(from, to, 0) }

// errNoSandbox means that the kernel has no Landlock.
var errNoSandbox = errors.New("this kernel has no Landlock")

const (
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE
	readDir  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	execute  = unix.LANDLOCK_ACCESS_FS_EXECUTE
)

// fileRights are the rights that each version of Landlock added.
var fileRights = []uint64{
	1: 1<<13 - 1, // all up to MAKE_SYM
	2: unix.LANDLOCK_ACCESS_FS_REFER,
	3: unix.LANDLOCK_ACCESS_FS_TRUNCATE,
}

// sandbox takes from the calling thread, and so from what it starts, all of the file system
// but the engine's own directory and what a program needs to run, all of the network but what
// it inherits, and signals to others. It cannot be undone: the thread must end with the child.
func sandbox(cfg Config, program string) error {
	version, _, _ := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if int(version) < 1 {
		return errNoSandbox
	}
	var all uint64
	for since, rights := range fileRights {
		if since <= int(version) {
			all |= rights
		}
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: all}
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	rules, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("creating the sandbox: %w", errno)
	}
	defer unix.Close(int(rules))
	allowed := []struct {
		path   string
		rights uint64
		must   bool
	}{
		{cfg.Path, all &^ execute, true},
		{program, readFile | execute, true},
		{cfg.Library, readFile, true},
		// The dynamic loader and the C library, time zones, what the machine is made of. Other
		// processes' secrets in /proc stay closed: a sandboxed process may not look into those outside.
		{"/lib", readDir | execute, false},
		{"/lib64", readDir | execute, false},
		{"/usr/lib", readDir | execute, false},
		{"/usr/lib64", readDir | execute, false},
		{"/usr/share/zoneinfo", readDir, false},
		{"/etc/ld.so.cache", readFile, false},
		{"/etc/localtime", readFile, false},
		{"/etc/hosts", readFile, false},
		{"/proc", readDir, false},
		{"/sys", readDir, false},
		{"/dev/null", readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE, false},
		{"/dev/urandom", readFile, false},
		{"/dev/random", readFile, false},
	}
	for _, one := range allowed {
		if err := allow(int(rules), one.path, one.rights&all); err != nil && (one.must || !errors.Is(err, os.ErrNotExist)) {
			return fmt.Errorf("opening the sandbox for %s: %w", one.path, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("entering the sandbox: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0); errno != 0 {
		return fmt.Errorf("entering the sandbox: %w", errno)
	}
	return dropCapabilities()
}

// keptCapabilities are root's rights over files, within the sandbox. All others go: some look
// past Landlock, into the memory of other processes for one.
const keptCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER

// dropCapabilities changes nothing for those who have none, which is anybody but root.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return fmt.Errorf("reading the capabilities: %w", err)
	}
	for i, kept := range []uint32{keptCapabilities, 0} {
		sets[i].Effective &= kept
		sets[i].Permitted &= kept
		sets[i].Inheritable = 0
	}
	if err := unix.Capset(&header, &sets[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}

func allow(rules int, path string, rights uint64) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	handle, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(handle)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() { // rights of directories are refused on files
		rights &= readFile | execute | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(handle)}
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
