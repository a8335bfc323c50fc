package foreign_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/wire"
)

// modules installs what package-lock.json says, once.
func modules(t *testing.T) {
	t.Helper()
	needed.Tool(t, "node")
	needed.Tool(t, "npm")
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if has, err := os.Stat("node_modules/.package-lock.json"); err == nil && !has.ModTime().Before(lock.ModTime()) {
		return
	}
	if out, err := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v: %s", err, out)
	}
}

// output gives a program its input and returns what it prints.
func output(t *testing.T, input []byte, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, complaints.Bytes())
	}
	return string(out)
}

// What rpc.discover answers is OpenRPC to the meta-schema and to tools, which can judge calls by it.
//
// clause: G5, R5
func TestOpenRPC(t *testing.T) {
	modules(t)
	l := lounge.New(nil)
	defer l.Close()
	mux := sabir.NewMux(l.Service(), probe.New())
	client := sabir.InProcess(mux, nil)
	defer client.Close()
	body, err := sabir.Do[sabir.Body](t.Context(), client, "rpc.discover", nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := body.Value()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CALLS", `[["lounge.join",{"room":"dev","name":"ann"},true],["lounge.join",{"room":"DEV","name":"ann"},false],
		["lounge.join",{"room":"dev"},false],["lounge.search",{"query":"x"},true],["lounge.search",{"query":"x","limit":"many"},false]]`)
	seen := output(t, v.Raw, "node", "--max-old-space-size=512", "openrpc.mjs")
	for _, line := range []string{
		"lounge.join(room, name): result object", "lounge.message(room): came object", "lounge.users(room): rows array", "lounge.status(): value object",
		"lounge.search(query, limit?): items array", "probe.echo(text, n?): result object",
	} {
		if !strings.Contains(seen, line+"\n") {
			t.Errorf("no %s in\n%s", line, seen)
		}
	}
	for _, file := range []string{"../../vectors/schema/one.sabir", "../../spec/rpc.sabir"} {
		f, err := idl.Load(file, os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("CALLS", "")
		if seen := output(t, idl.OpenRPC("", "", []*idl.Service{&f.Service}), "node", "--max-old-space-size=512", "openrpc.mjs", "--recursive"); strings.Count(seen, "\n") != len(f.Service.Members) {
			t.Errorf("%s is\n%s", file, seen)
		}
	}
}

// job is what judge.py and judge.mjs read.
type job struct {
	Schema json.RawMessage `json:"schema"`
	Cases  []judged        `json:"cases"`
}

type judged struct {
	Of    string          `json:"of"`
	Value json.RawMessage `json:"value"`
	Fits  bool            `json:"fits"`
}

// judge has both validators judge by both drafts.
func judge(t *testing.T, jobs []job) {
	t.Helper()
	var input bytes.Buffer
	for _, j := range jobs {
		line, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	modules(t)
	for _, complaints := range []string{output(t, input.Bytes(), "node", "judge.mjs"), output(t, input.Bytes(), python(t), "judge.py")} {
		lines := strings.SplitAfter(complaints, "\n")
		for _, line := range lines[:min(5, len(lines)-1)] {
			t.Errorf("judged otherwise, one of %d: %.2000s", len(lines)-1, line)
		}
	}
}

// python is one that has jsonschema: the first on the path, or Debian's.
func python(t *testing.T) string {
	t.Helper()
	needed.Tool(t, "python3")
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import jsonschema").Run() == nil {
			return name
		}
	}
	needed.Missing(t, "jsonschema", errors.New("no python3 has that module"))
	return ""
}

// Whatever the encoder writes of values of random types fits the schemas of these types.
//
// clause: G1, G2
func TestSchemasFitWhatIsSent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := &dice{rand.New(rand.NewPCG(seed, 1))}
	var jobs []job
	values := 0
	for range 60 {
		typ := r.structType(3)
		c, err := codec.Of(typ)
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		fields, _ := c.Fields()
		s := &idl.Service{Name: "x", Version: "1", Members: []idl.Member{
			{Kind: idl.Method, Name: "in", Params: fields}, {Kind: idl.Method, Name: "out", Result: fields},
		}}
		c.Named(false, func(n idl.NamedType, _ reflect.Type) {
			if !slices.ContainsFunc(s.Types, func(other idl.NamedType) bool { return other.Name == n.Name }) {
				s.Types = append(s.Types, n)
			}
		})
		if faults := idl.Check(s); faults != nil {
			t.Fatalf("%v in\n%s", faults, s)
		}
		j := job{Schema: idl.JSONSchema(s)}
		for range 20 {
			v := reflect.New(typ)
			r.fill(v.Elem(), "", 4)
			raw, err := codec.AppendAny(nil, wire.JSON, v.Interface())
			if err != nil {
				t.Fatalf("%+v: %v", v.Elem(), err)
			}
			values++
			j.Cases = append(j.Cases, judged{"in.params", raw, true}, judged{"out.result", raw, true})
		}
		jobs = append(jobs, j)
	}
	judge(t, jobs)
	t.Logf("%d values of %d types", values, len(jobs))
}

// What a service would refuse, schemas refuse too, where they have the words.
//
// clause: G2, G3
func TestSchemasRefuse(t *testing.T) {
	const text = `service x 1
method m(
	n: ?int(min=1, max=9), f: ?float(min=0.5), s: ?string(min=2, max=3), p: ?string(pattern="[a-z]\\..{1,2}"), b: ?bytes, t: ?time,
	i: ?int64, u: ?uint64, l: ?[int](min=1, max=2), o: ?{int}(max=1), e: ?enum(red, green), c: ?union(circle: { r: float }, square: { s: float }), z: ?T, q: ?{ a: bool },
) -> (z: ?Out, o: ?T2)
type T { x: int, next: ?T }
type T2 { x: int }
type Out { x: int }`
	f, err := idl.Load("x", func(string) ([]byte, error) { return []byte(text), nil })
	if err != nil {
		t.Fatal(err)
	}
	j := job{Schema: idl.JSONSchema(&f.Service)}
	for of, all := range map[string]map[string]bool{
		"m.params": {
			`{}`: true, `{"unknown":1}`: false, `[]`: false, `{"n":1}`: true, `{"n":0}`: false, `{"n":10}`: false, `{"n":1.5}`: false, `{"n":"1"}`: false, `{"n":2.0}`: true,
			`{"f":0.5}`: true, `{"f":0.4}`: false, `{"s":"żó"}`: true, `{"s":"x"}`: false, `{"s":"😀😀😀"}`: true, `{"s":"😀😀😀😀"}`: false,
			`{"p":"a.b"}`: true, `{"p":"a.\n"}`: true, `{"p":"ab.c"}`: false, `{"p":"axc"}`: false, `{"p":"a.bcd"}`: false,
			`{"b":""}`: true, `{"b":"AQID"}`: true, `{"b":"AQI="}`: true, `{"b":"AQ=="}`: true, `{"b":"AQJ="}`: false, `{"b":"AR=="}`: false, `{"b":"AQ"}`: false, `{"b":"A_=="}`: false, `{"b":1}`: false,
			`{"t":"2026-11-23T10:00:00Z"}`: true, `{"t":"2026-11-23T10:00:00.123456789Z"}`: true, `{"t":"2026-11-23T10:00:00+01:00"}`: false, `{"t":"2026-11-23"}`: false,
			`{"i":"-5"}`: true, `{"i":"-0"}`: false, `{"i":"05"}`: false, `{"i":"+5"}`: false, `{"u":"0"}`: true, `{"u":"-5"}`: false, `{"u":"18446744073709551615"}`: true,
			`{"l":[1]}`: true, `{"l":[]}`: false, `{"l":[1,2,3]}`: false, `{"l":["a"]}`: false, `{"o":{"a":1}}`: true, `{"o":{"a":1,"b":2}}`: false, `{"o":{"a":true}}`: false,
			`{"e":"red"}`: true, `{"e":"blue"}`: false, `{"c":{"type":"circle","r":1}}`: true, `{"c":{"type":"circle","s":1}}`: false, `{"c":{"type":"oval"}}`: false, `{"c":{"r":1}}`: false,
			`{"c":{"type":"circle","r":1,"more":1}}`: false, `{"z":{"x":1,"next":{"x":2}}}`: true, `{"z":{"x":1,"next":{}}}`: false, `{"z":{"x":1,"y":2}}`: false, `{"q":{"a":true,"b":1}}`: false,
		},
		"m.result": {`{}`: true, `{"unknown":1}`: true, `{"z":{"x":1,"new":2}}`: true, `{"z":{}}`: false},
		"T2":       {`{"x":1}`: true, `{"x":1,"new":2}`: true, `{"x":"1"}`: false},
		"T":        {`{"x":1}`: true, `{"x":1,"new":2}`: false},
	} {
		for value, fits := range all {
			j.Cases = append(j.Cases, judged{of, json.RawMessage(value), fits})
		}
	}
	judge(t, []job{j})
}
