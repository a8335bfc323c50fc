package lounge_test

import (
	_ "embed"
	"testing"

	"github.com/sabir-ipc/sabir/examples/lounge"
)

//go:embed lounge.sabir
var description string

func TestDescription(t *testing.T) {
	if got := lounge.New(nil).Service().Describe()[0].String(); got != description {
		t.Errorf("the service describes itself as\n%s\nand lounge.sabir says\n%s", got, description)
	}
}
