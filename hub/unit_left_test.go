package hub_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// What a dead service has left behind, with its stderr in hand, does not keep
// the hub from starting the next one, and is ended.
//
// clause: U10
func TestUnitLeavesAProcessBehind(t *testing.T) {
	units := t.TempDir()
	left := filepath.Join(units, "left")
	unit(t, units, "clock", fmt.Sprintf(`command = ["sh", "-c", "sleep 100 >&2 & echo $! >>%s; exec \"$@\"", "sh", $CLOCK]`, left)+"\ndescription = \"clock.sabir\"\n")
	dir := run(t, hub.Options{Units: []string{units}})
	t.Cleanup(func() { // of those that a hub without this would leave
		text, _ := os.ReadFile(left)
		for line := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(line); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	c := dial(t, dir, "clock")
	before := who(t, c).PID
	sabir.Do[sabir.None](t.Context(), c, "clock.die", nil)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if p, err := sabir.Do[process](t.Context(), c, "clock.who", nil); err == nil && p.PID != before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it never came back")
		}
	}
	text, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
}

// A hub that was killed leaves the sockets of what it has started, which the next
// one removes, and those of other hubs it leaves alone.
func TestUnitSocketsLeftBehind(t *testing.T) {
	dir := shortDir(t)
	socket := func(name string) *net.UnixListener {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name, "s"), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	defer socket(".unit-1").Close()
	left := socket(".unit-2")
	left.SetUnlinkOnClose(false)
	left.Close()
	runIn(t, dir, hub.Options{})
	if _, err := os.Stat(filepath.Join(dir, ".unit-1", "s")); err != nil {
		t.Errorf("of another hub: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".unit-2")); !os.IsNotExist(err) {
		t.Errorf("of one that was killed: %v", err)
	}
}
