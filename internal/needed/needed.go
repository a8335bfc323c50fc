// Package needed is how tests ask for programs beyond Go, which ./test installs.
// What was said beforehand to be missing, in SABIR_SKIP, is done without by
// name; anything else that is missing fails the test.
package needed

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Tool returns where a program is, or ends the test.
func Tool(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name)
	}
	return path
}

// Missing ends the test for want of a tool.
func Missing(t testing.TB, name string) {
	t.Helper()
	if !slices.Contains(strings.Split(os.Getenv("SABIR_SKIP"), ","), name) {
		t.Fatalf("no %s; ./test installs it, SABIR_SKIP=%s goes without", name, name)
	}
	t.Skipf("SABIR_SKIP has %s", name)
}
