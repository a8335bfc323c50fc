package hub_test

import (
	"fmt"
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
		for _, line := range strings.Fields(string(text)) {
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
