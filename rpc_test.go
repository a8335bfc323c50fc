package sabir_test

import (
	"os"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
)

type described struct {
	Hash     string
	Services []idl.Service
}

// The service rpc is what the specification says, word by word.
// clause: R3
func TestDescriptionOfRPC(t *testing.T) {
	c := sabir.InProcess(probe.New(), nil)
	defer c.Close()
	out, err := sabir.Do[described](t.Context(), c, "rpc.describe", map[string]any{"service": "rpc"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("spec/rpc.sabir")
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Services[0].String(); got != string(want) {
		t.Errorf("described as\n%s", got)
	}
}

// A description comes through its own encoding as it was.
// clause: D1, D2
func TestDescriptionThereAndBack(t *testing.T) {
	svc := probe.New()
	c := sabir.InProcess(svc, nil)
	defer c.Close()
	out, err := sabir.Do[described](t.Context(), c, "rpc.describe", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := out.Services[0].String(), svc.Describe()[0].String(); got != want {
		t.Errorf("came as\n%s\nand not as\n%s", got, want)
	}
}
