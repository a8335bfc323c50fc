package probe

import (
	"testing"

	"github.com/sabir-ipc/sabir/vectors"
)

// The service is what the vectors say it is.
func TestDescription(t *testing.T) {
	want, err := vectors.FS.ReadFile("probe.sabir")
	if err != nil {
		t.Fatal(err)
	}
	if got := New().Describe()[0].String(); got != string(want) {
		t.Errorf("described as\n%s\nand not as\n%s", got, want)
	}
}
