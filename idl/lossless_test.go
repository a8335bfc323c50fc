package idl_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// What a service made of Go types says of itself is, after it was text, the
// same message.
//
// clause: I2, I3, I6
func TestTextIsLossless(t *testing.T) {
	l := lounge.New(nil)
	defer l.Close()
	for _, s := range []*sabir.Service{l.Service(), probe.New(), odd()} {
		c := sabir.InProcess(s, nil)
		defer c.Close()
		out, err := sabir.Do[struct{ Services []idl.Service }](t.Context(), c, "rpc.describe", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range out.Services {
			lossless(t, &out.Services[i])
		}
	}
	text, err := os.ReadFile("../spec/rpc.sabir")
	if err != nil {
		t.Fatal(err)
	}
	if f := load(t, string(text)); f.Service.String() != string(text) || f.Format() != string(text) {
		t.Errorf("spec/rpc.sabir prints as\n%s\nand is formatted as\n%s", f.Service.String(), f.Format())
	}
}

func load(t *testing.T, text string) *idl.File {
	t.Helper()
	f, err := idl.Load("x.sabir", func(string) ([]byte, error) { return []byte(text), nil })
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return f
}

func lossless(t *testing.T, s *idl.Service) {
	t.Helper()
	f := load(t, s.String())
	want, got := message(t, s), message(t, &f.Service)
	if want != got {
		t.Errorf("described as\n%s\nand after it was text\n%s", want, got)
	}
}

func message(t *testing.T, s *idl.Service) string {
	t.Helper()
	raw, err := codec.AppendAny(nil, wire.JSON, s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

type (
	mood  string
	inner struct {
		sabir.Union
		Text *struct{ Text string } `doc:"Plain."`
		File *oddFile
	}
	oddFile struct {
		Name string `doc:"Without a folder.\n\n  indented" example:"a \"b\" \\ <c>\u2028"`
		Mood mood   `default:"sad" since:"1.1" deprecated:"Nobody cares."`
	}
	oddParams struct {
		Ratio  float64 `default:"2" min:"-1e300" max:"1e300"`
		Count  int     `default:"2" unit:"µs" sensitive:"true"`
		Wide   *int64  `default:"5"`
		Bytes  []byte  `sabir:",optional" default:"AQID" max:"3"`
		Any    any     `default:"{\"a\":[1,1.0,null]}"`
		Inner  inner   `doc:"The inner one."`
		Inline []struct{ X, Type int }
		Words  map[string][]string `pattern:"" max:"3"`
		Error  string              `pattern:"[a-z\\\\\"]{1,3}"`
		Moods  []mood              `example:"[\"glad\"]"`
		Again  *oddParams
	}
)

func (mood) Cases() []string { return []string{"glad", "sad"} }
func (mood) CaseDoc(name string) string {
	return map[string]string{"sad": "Not\nglad."}[name]
}
func (oddFile) Doc() string { return "A file." }

// odd has what the other examples have not.
func odd() *sabir.Service {
	s := sabir.NewService("odd", "2026-11-23 (beta)", "Has\n\n\twhat others have not.")
	sabir.Method(s, "type", func(context.Context, oddParams) (oddParams, error) { return oddParams{}, nil },
		sabir.Destructive, sabir.Idempotent, sabir.Needs(sabir.AccessRead), sabir.Unstable,
		sabir.Deprecated(`Use "error".`), sabir.Since("1.0"), sabir.Doc("A line.\n\n"+strings.Repeat("Long. ", 40)+"End."))
	return s
}
