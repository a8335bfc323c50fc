package main

import (
	"testing"

	"github.com/sabir-ipc/sabir/idl"
)

// The description is a text that can be read back.
func TestDescription(t *testing.T) {
	h, err := New(func(string) float64 { return 17.5 }, "kitchen")
	if err != nil {
		t.Fatal(err)
	}
	want := h.service.Describe()[0].String()
	f, err := idl.Load("heating.sabir", func(string) ([]byte, error) { return []byte(want), nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Service.String(); got != want || f.Format() != want {
		t.Errorf("described as\n%s\nand read as\n%s", want, got)
	}
}
