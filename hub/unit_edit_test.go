package hub_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// A unit is what its files say now, the description too: when its service does not run, and till then the log says so.
func TestUnitIsEdited(t *testing.T) {
	units := t.TempDir()
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\nidle = \"0\"\n")
	var mu sync.Mutex
	var log bytes.Buffer
	said := func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
	o := hub.Options{Units: []string{units}}
	o.Serve.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
	dir := run(t, o)
	c, h := dial(t, dir, "clock"), dial(t, dir, "hub")
	describe := func(doc string) {
		t.Helper()
		text := strings.Replace(clockText, "Tells who it is.", doc, 1)
		if err := os.WriteFile(filepath.Join(units, "clock.sabir"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	until := func(what string, is func(doc string) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			sabir.Do[any](t.Context(), h, "rpc.describe", nil) // has the directories read
			rows, err := sabir.Do[[]sabir.Row[hub.Service]](t.Context(), h, "hub.services", nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 1 && is(rows[0].Value.Doc) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %+v", what, rows)
			}
		}
	}
	describe("Ticks.")
	until("it does not run, and is what it was", func(doc string) bool { return doc == "Ticks." })
	who(t, c)
	describe("Tocks.")
	until("it runs, and nothing says that it has changed", func(doc string) bool {
		return doc == "Ticks." && strings.Contains(said(), "a unit has changed, which counts when its process has ended")
	})
	sabir.Do[sabir.None](t.Context(), c, "clock.die", nil)
	until("its process has ended, and it is what it was", func(doc string) bool { return doc == "Tocks." })
	if n := strings.Count(said(), "a unit has changed"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Where the folder of a unit is gone, or is not for its user, that is the reason and not the shell.
func TestUnitFolder(t *testing.T) {
	units := filepath.Join(t.TempDir(), "units")
	if err := os.Mkdir(units, 0o700); err != nil {
		t.Fatal(err)
	}
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
	dir := run(t, hub.Options{Units: []string{units}})
	c := dial(t, dir, "clock")
	if err := os.RemoveAll(units); err != nil {
		t.Fatal(err)
	}
	_, err := sabir.Do[sabir.None](t.Context(), c, "clock.die", nil)
	if want := "clock does not run: its folder " + units + ": no such file or directory"; !errors.Is(err, sabir.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, expected %s", err, want)
	}
}

// A folder that has room for the socket of a hub may be too long for that of a run.
func TestUnitSocketIsTooLong(t *testing.T) {
	units, dir := t.TempDir(), filepath.Join(shortDir(t), "x")
	for len(dir) < 92 {
		dir += "x"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
	runIn(t, dir, hub.Options{Units: []string{units}})
	_, err := sabir.Do[sabir.None](t.Context(), dial(t, dir, "hub"), "clock.die", nil)
	if !errors.Is(err, sabir.ErrUnavailable) || !strings.Contains(err.Error(), "bytes, which is too much for the path of one: the hub needs a shorter folder") {
		t.Error(err)
	}
}
