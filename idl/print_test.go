package idl

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s: want\n%s\ngot\n%s", file, want, got)
	}
}

func bound(f float64) *float64 { return &f }

// everything has a member of each kind, a type of each kind, and each flag and
// annotation.
var everything = Service{
	Name: "lounge", Version: "1.2", Doc: "Chat rooms and shared files.\n\nOne line more.",
	Members: []Member{
		{Kind: Method, Name: "ping", Readonly: true},
		{
			Kind: Method, Name: "say", Doc: "Say something in a room.",
			Params: []Field{
				{Name: "room", Type: Type{Kind: String, Pattern: `[a-z0-9-]{1,32}\.`}},
				{Name: "text", Type: Type{Kind: String, Min: bound(1), Max: bound(4096)}, Example: `say "hi" <b>&`},
				{Name: "wait", Type: Type{Kind: Float, Min: bound(0.5)}, Optional: true, Default: 2.5, Unit: "s"},
			},
			Result: []Field{{Name: "seq", Type: Type{Kind: Int}}},
			Errors: []string{"NoSuchRoom", "NotJoined"}, Idempotent: true,
		},
		{
			Kind: Method, Name: "wipe",
			Params: []Field{
				{Name: "all", Doc: "Really all.\nNo way back.", Type: Type{Kind: Bool}, Sensitive: true},
				{Name: "shape", Type: Type{Kind: Struct, Fields: []Field{{Name: "a", Doc: "Inside.", Type: Type{Kind: Int}}, {Name: "b", Type: Type{Kind: Int}}}}},
			},
			Destructive: true, Access: Admin, Deprecated: `Use "clear".`, Since: "1.1", Unstable: true,
		},
		{Kind: Stream, Name: "fetch", Params: []Field{{Name: "name", Type: Type{Kind: String}}}, Item: &Type{Kind: Bytes, Max: bound(65536)}},
		{Kind: Topic, Name: "message", Params: []Field{{Name: "room", Type: Type{Kind: String}}}, Item: &Type{Kind: Named, Name: "Message"}, Errors: []string{"NoSuchRoom"}},
		{Kind: State, Name: "topic", Item: &Type{Kind: String}, Common: true, Access: Read},
		{Kind: Table, Name: "members", Item: &Type{Kind: Struct}},
	},
	Types: []NamedType{
		{Name: "Message", Doc: "What was said.", Type: Type{Kind: Struct, Fields: []Field{
			{Name: "at", Type: Type{Kind: Time}}, {Name: "seq", Type: Type{Kind: Uint64}}, {Name: "size", Type: Type{Kind: Int64, Max: bound(1 << 40)}},
			{Name: "tags", Type: Type{Kind: Map, Of: &Type{Kind: List, Of: &Type{Kind: Any}, Max: bound(3)}}, Optional: true, Default: map[string]any{"<a>": []any{1, nil}}},
			{Name: "mood", Type: Type{Kind: Named, Name: "Mood"}, Deprecated: "Nobody uses it.", Since: "1.0"},
			{Name: "reply", Type: Type{Kind: Named, Name: "Message"}, Optional: true},
		}}},
		{Name: "Mood", Type: Type{Kind: Enum, Options: []Case{{Name: "happy"}, {Name: "sad"}}}},
		{Name: "Part", Type: Type{Kind: Union, Options: []Case{
			{Name: "text", Type: &Type{Kind: Struct, Fields: []Field{{Name: "text", Type: Type{Kind: String}}}}}, {Name: "file", Type: &Type{Kind: Named, Name: "File"}},
		}}},
		{Name: "File", Type: Type{Kind: Struct, Fields: []Field{{Name: "name", Doc: "Without a folder.", Type: Type{Kind: String}}, {Name: "data", Type: Type{Kind: Bytes}}}}},
	},
	Errors: []NamedError{
		{Name: "NoSuchRoom", Doc: "The room does not exist.", Fields: []Field{{Name: "room", Type: Type{Kind: String}}, {Name: "near", Type: Type{Kind: Named, Name: "Mood"}, Optional: true}}},
		{Name: "NotJoined"},
	},
}

// clause: D1, D2, D4
func TestPrint(t *testing.T) {
	golden(t, "testdata/service.golden", everything.String())
	var members strings.Builder
	for _, m := range everything.Members {
		members.WriteString("== " + m.Name + "\n" + everything.MemberText(m.Name) + "-- " + m.Signature() + "\n")
	}
	golden(t, "testdata/members.golden", members.String())
	if everything.MemberText("nothing") != "" || (&Service{Name: "a", Version: "1"}).String() != "service a 1\n" {
		t.Error("an empty one")
	}
}

// What comes from elsewhere may lack what it should have.
//
// clause: D3
func TestPrintWhatIsStrange(t *testing.T) {
	s := Service{Name: "x", Version: "1", Members: []Member{
		{Kind: "gauge", Name: "a", Params: []Field{{Name: "p", Type: Type{Kind: "complex"}}}},
		{Kind: Stream, Name: "b"}, {Kind: Topic, Name: "c"},
		{Kind: Method, Name: "d", Params: []Field{{Name: "l", Type: Type{Kind: List}}, {Name: "m", Type: Type{Kind: Map}}, {Name: "n", Type: Type{Kind: Named, Name: "Nothing"}}, {Name: "u", Type: Type{Kind: Union}}}},
	}}
	const want = `service x 1

gauge a(p: complex)
method b() -> stream ?
topic c: ?
method d(l: [?], m: {?}, n: Nothing, u: union())
`
	if s.String() != want {
		t.Errorf("%s\nwant\n%s", s.String(), want)
	}
	for _, m := range s.Members {
		s.MemberText(m.Name)
	}
	loop := Service{Types: []NamedType{{Name: "A", Type: Type{Kind: Named, Name: "B"}}, {Name: "B", Type: Type{Kind: Named, Name: "A"}}, {Name: "C", Type: Type{Kind: Named, Name: "D"}}, {Name: "D", Type: Type{Kind: Int}}}}
	for name, want := range map[string]*Type{"A": nil, "Nothing": nil, "C": &loop.Types[3].Type} {
		if got := loop.Resolve(&Type{Kind: Named, Name: name}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// clause: D4
func TestAccess(t *testing.T) {
	for _, test := range []struct {
		m    Member
		want Access
	}{
		{Member{Kind: Method}, Write}, {Member{Kind: Stream}, Write}, {Member{Kind: Method, Readonly: true}, Read}, {Member{Kind: Stream, Readonly: true}, Read},
		{Member{Kind: Topic}, Read}, {Member{Kind: State}, Read}, {Member{Kind: Table}, Read}, {Member{Kind: Topic, Access: Admin}, Admin}, {Member{Kind: Method, Access: Read}, Read},
	} {
		if got := test.m.Needs(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.m, got, test.want)
		}
	}
	levels := []Access{NoAccess, Read, Write, Admin}
	for i, a := range levels {
		for j, needs := range levels {
			if a.Allows(needs) != (i >= j) {
				t.Errorf("%q allows %q: %v", a, needs, a.Allows(needs))
			}
		}
	}
	if Access("root").Allows(Read) {
		t.Error("an unknown level allows something")
	}
}
