package hub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
)

// How a command has failed is told in words: by a signal, without a word, with a line without an end.
func TestProgramFails(t *testing.T) {
	p := program(t, `service s 1
method killed()
method told() ! Failed
method mute()
method endless() -> stream string
error Failed { status: int, text: string }
`, `case $1 in
killed|told) echo "about to end" >&2; kill -SEGV $$ ;;
mute) exit 4 ;;
endless) head -c 5000000 /dev/zero | tr '\0' x ;;
esac`, nil)
	for method, want := range map[string]string{
		"s.killed":  "signal: segmentation fault", // and perhaps "(core dumped)"
		"s.mute":    "status 4: nothing on stderr",
		"s.endless": "printed a line of more than 4194304 bytes",
	} {
		_, err := sabir.Do[sabir.Body](t.Context(), p, method, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %s", method, err, want)
		}
	}
	_, err := sabir.Do[sabir.None](t.Context(), p, "s.told", nil)
	var failed *sabir.Error
	if !errors.As(err, &failed) || failed.Name != "s.Failed" {
		t.Fatalf("got %v, expected s.Failed", err)
	}
	if params, err := failed.Params.JSON(); err != nil || string(params) != `{"status":139,"text":"about to end"}` {
		t.Errorf("got %s, %v", params, err)
	}
}

// However long the params are together, the command starts: what does not fit into its environment is on its stdin.
func TestProgramHasMuchToRead(t *testing.T) {
	const params, size = 60, 60000
	var declared []string
	in := make(map[string]any)
	for i := range params {
		name := fmt.Sprintf("p%d", i)
		declared = append(declared, name+": string")
		in[name] = strings.Repeat("x", size)
	}
	p := program(t, "service s 1\nmethod len("+strings.Join(declared, ", ")+") -> (bytes: int, variables: int)",
		`echo "{\"bytes\":$(wc -c),\"variables\":$(env | grep -c ^SABIR_PARAM_)}"`, nil)
	got, err := sabir.Do[struct{ Bytes, Variables int }](t.Context(), p, "s.len", in)
	if err != nil {
		t.Fatal(err)
	}
	if got.Bytes < params*size || got.Variables != 8 { // 512 KiB of them
		t.Errorf("got %+v", got)
	}
}

// A command that cannot begin has done nothing, and its caller may try again.
//
// clause: E2
func TestProgramDoesNotStart(t *testing.T) {
	desc, err := idl.Parse("s.sabir", []byte("service s 1\nmethod add()\ntopic added: string  common\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := hub.NewProgram(&desc.Service, []string{"/dev/null/none"}, &hub.ProgramOptions{Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := sabir.Do[sabir.None](t.Context(), p, "s.add", nil); !errors.Is(err, sabir.ErrUnavailable) {
		t.Error(err)
	}
	for _, err := range sabir.Watch[string](t.Context(), p, "s.added", nil, nil) {
		if !errors.Is(err, sabir.ErrUnavailable) {
			t.Error(err)
		}
		break
	}
}
