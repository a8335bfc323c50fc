package hub_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// What others can write says nothing of what the hub runs as its user, nor of who may call it.
func TestUnitOfOthers(t *testing.T) {
	open := func(name string, mode os.FileMode) func(string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	cases := map[string]func(dir string) error{
		"can be written by others (mode 0602)": open("clock.toml", 0o602),
		"can be written by others (mode 0606)": open("clock.sabir", 0o606),
		"can be written by others (mode 0707)": open(".", 0o707),
	}
	if os.Getuid() == 0 { // only root can make what is another's
		cases["clock.toml: belongs to uid 4711"] = func(dir string) error { return os.Chown(filepath.Join(dir, "clock.toml"), 4711, 0) }
		cases["belongs to uid 4712"] = func(dir string) error { return os.Chown(dir, 4712, 0) }
		cases["can be written by others (mode 0660)"] = func(dir string) error {
			file := filepath.Join(dir, "clock.toml")
			if err := os.Chown(file, 0, 4711); err != nil {
				return err
			}
			return os.Chmod(file, 0o660)
		}
	}
	for want, spoil := range cases {
		t.Run(want, func(t *testing.T) {
			units := t.TempDir()
			unit(t, units, "clock", "command = [$CLOCK]\ndescription = \"clock.sabir\"\n")
			if err := spoil(units); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var log bytes.Buffer
			o := hub.Options{Units: []string{units}}
			o.Serve.Log = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
			h := dial(t, run(t, o), "hub")
			if rows, err := sabir.Do[[]sabir.Row[hub.Service]](t.Context(), h, "hub.services", nil); err != nil || len(rows) > 0 {
				t.Errorf("%+v, %v", rows, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has %s", &log)
			}
		})
	}
}
