// Package needed is how tests ask for what a machine may not have: programs
// beyond Go, which ./test installs, and powers such as being root. What ./test
// found missing it names in SABIR_SKIP, and what needs it is skipped by that
// name; anything else that is missing fails the test. CI skips nothing.
package needed

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Excused reports whether SABIR_SKIP names it.
func Excused(name string) bool {
	return slices.Contains(strings.Split(os.Getenv("SABIR_SKIP"), ","), name)
}

// Tool returns where a program is, or ends the test.
func Tool(t testing.TB, name string) (path string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil || Excused(name) {
		Missing(t, name, err)
	}
	return path
}

// Missing ends the test for want of something. The error, which may be nil, is
// how that was found.
func Missing(t testing.TB, name string, err error) {
	t.Helper()
	if !Excused(name) {
		t.Fatalf("no %s: %v; ./test installs it or goes without, as SABIR_SKIP=%s does", name, err, name)
	}
	t.Skipf("SABIR_SKIP has %s", name)
}
