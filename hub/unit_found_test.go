package hub_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// A unit that comes, or is mended, has its socket, and one that goes has none, also where nobody asks the hub: who
// calls it by its name found nothing, until somebody had asked for a list.
func TestUnitIsFoundByItsSocket(t *testing.T) {
	const text = "command = [$CLOCK]\ndescription = \"clock.sabir\"\nidle = "
	come, mended, gone, edited := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	unit(t, mended, "clock", text+`"5"`)
	unit(t, gone, "clock", text+`"5s"`)
	unit(t, edited, "clock", text+`"5s"`)
	isEdited := dial(t, run(t, hub.Options{Units: []string{edited}}), "clock")
	comes, isMended, goes := run(t, hub.Options{Units: []string{come}}), run(t, hub.Options{Units: []string{mended}}), run(t, hub.Options{Units: []string{gone}})
	has := func(dir string) bool {
		_, err := os.Lstat(filepath.Join(dir, "clock.sock"))
		return err == nil
	}
	if has(comes) || has(isMended) || !has(goes) {
		t.Fatal("the hubs do not begin as they should")
	}
	unit(t, come, "clock", text+`"5s"`)
	file := filepath.Join(mended, "clock.toml")
	old, err := os.ReadFile(file)
	if err == nil { // in place: the folder is as it was
		err = os.WriteFile(file, []byte(strings.Replace(string(old), `"5"`, `"0"`, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(edited, "clock.sabir"), []byte(strings.Replace(clockText, "method die(", "method expire(", 1)), 0o600)
	}
	if err == nil {
		err = os.Remove(filepath.Join(gone, "clock.toml"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !has(comes) || !has(isMended) || has(goes); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("one that came: %v; that was mended: %v; that is gone: %v", has(comes), has(isMended), has(goes))
		}
	}
	for _, dir := range []string{comes, isMended} {
		if _, err := sabir.Do[process](t.Context(), dial(t, dir, "clock"), "clock.who", nil); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(time.Second) // for the fourth, whose hub has looked at the same beat
	if _, err := sabir.Do[sabir.None](t.Context(), isEdited, "clock.die", nil); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("what its description has no more: %v", err)
	}
}
