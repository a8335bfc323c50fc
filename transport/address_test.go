package transport

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		text string
		want Address
		out  string // of String, if not text
	}{
		{"lounge", Address{Scheme: "name", Name: "lounge"}, ""},
		{"lounge-work_2", Address{Scheme: "name", Name: "lounge-work_2"}, ""},
		{"hub", Address{Scheme: "name", Name: "hub"}, ""},
		{"/run/x.sock", Address{Scheme: "unix", Path: "/run/x.sock"}, "unix:/run/x.sock"},
		{"./x.sock", Address{Scheme: "unix", Path: "./x.sock"}, "unix:./x.sock"},
		{"../a:b", Address{Scheme: "unix", Path: "../a:b"}, "unix:../a:b"},
		{"unix:/run/x.sock", Address{Scheme: "unix", Path: "/run/x.sock"}, ""},
		{"unix:///run/x.sock", Address{Scheme: "unix", Path: "///run/x.sock"}, ""},
		{"exec:cat", Address{Scheme: "exec", Command: []string{"cat"}}, ""},
		{"exec:  cat   -u\t'a b' ", Address{Scheme: "exec", Command: []string{"cat", "-u", "a b"}}, "exec:cat -u 'a b'"},
		{`exec:a "b $c \"d\" \x" e\ f '' g"h"'i'`, Address{Scheme: "exec", Command: []string{"a", `b $c "d" \x`, "e f", "", "ghi"}}, `exec:a 'b $c "d" \x' 'e f' '' ghi`},
		{"exec:echo it\\'s $HOME ~ | x", Address{Scheme: "exec", Command: []string{"echo", "it's", "$HOME", "~", "|", "x"}}, `exec:echo 'it'\''s' '$HOME' '~' '|' x`},
		{"exec:a\\\nb \"c\\\nd\"", Address{Scheme: "exec", Command: []string{"ab", "cd"}}, "exec:ab cd"},
		{"ssh:far", Address{Scheme: "ssh", Host: "far"}, ""},
		{"ssh:far/", Address{Scheme: "ssh", Host: "far"}, "ssh:far"},
		{"ssh:me@far.example/lounge", Address{Scheme: "ssh", Host: "me@far.example", Service: "lounge"}, ""},
		{"ssh:me@[fe80::1%eth0]/lounge", Address{Scheme: "ssh", Host: "me@fe80::1%eth0", Service: "lounge"}, "ssh:me@fe80::1%eth0/lounge"},
		{"tcp:localhost:4444", Address{Scheme: "tcp", Host: "localhost", Port: "4444"}, ""},
		{"tcp:[::1]:4444", Address{Scheme: "tcp", Host: "::1", Port: "4444"}, ""},
		{"sabir://far", Address{Scheme: "sabir", Host: "far"}, ""},
		{"sabir://far:1/lounge", Address{Scheme: "sabir", Host: "far", Port: "1", Service: "lounge"}, ""},
		{"sabir://far:1/#fp=ab&t=id.secret", Address{Scheme: "sabir", Host: "far", Port: "1", Rest: "#fp=ab&t=id.secret"}, ""},
		{"sabir://[::1]#fp=ab", Address{Scheme: "sabir", Host: "::1", Rest: "#fp=ab"}, "sabir://[::1]/#fp=ab"},
		{"ws://far/socket#t=a.b", Address{Scheme: "ws", Host: "far", Path: "/socket", Rest: "#t=a.b"}, ""},
		{"wss://far#fp=ab", Address{Scheme: "wss", Host: "far", Path: "/", Rest: "#fp=ab"}, "wss://far/#fp=ab"},
		{"http://[fe80::1%eth0]:8080/a%20b/", Address{Scheme: "http", Host: "fe80::1%eth0", Port: "8080", Path: "/a%20b/"}, ""},
		{"https://far:8443", Address{Scheme: "https", Host: "far", Port: "8443"}, ""},
	}
	for _, test := range tests {
		got, err := Parse(test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("Parse(%q) = %#v, %v", test.text, got, err)
			continue
		}
		out := test.out
		if out == "" {
			out = test.text
		}
		if got.String() != out {
			t.Errorf("Parse(%q).String() = %q, want %q", test.text, got, out)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const notName = "not a name: lower-case letters, digits, _ and -, a letter first"
	tests := []struct{ text, message, hint string }{
		{"", `address "": empty`, "a name such as lounge, or a path such as ./lounge.sock"},
		{"Lounge", `address "Lounge": names are lower-case`, "lounge"},
		{"9p", `address "9p": ` + notName, ""},
		{" lounge", `address " lounge": ` + notName, ""},
		{"löunge", `address "löunge": ` + notName, ""},
		{"x.sock", `address "x.sock": neither a name nor a path: a path begins with / or ./`, "./x.sock"},
		{"run/x", `address "run/x": neither a name nor a path: a path begins with / or ./`, "./run/x"},
		{"localhost:4444", `address "localhost:4444": a host and port need a scheme`, "tcp:localhost:4444"},
		{"gopher:x", `address "gopher:x": unknown scheme "gopher"`, "one of unix: exec: ssh: tcp: sabir:// ws:// wss:// http:// https://"},
		{"name:lounge", `address "name:lounge": unknown scheme "name"`, "one of unix: exec: ssh: tcp: sabir:// ws:// wss:// http:// https://"},
		{"unix:", `address "unix:": no path`, "unix:/run/lounge.sock"},
		{"unix:@x", `address "unix:@x": abstract sockets have no owner and no permissions`, "unix:./@x"},
		{"/a\x00b", `address "/a\x00b": a path cannot contain a zero byte`, ""},
		{"exec:", `address "exec:": no command`, "exec:command args"},
		{"exec:'' x", `address "exec:'' x": no command`, "exec:command args"},
		{"exec:a 'b", `address "exec:a 'b": a ' is never closed`, ""},
		{`exec:a "b\"`, `address "exec:a \"b\\\"": a " is never closed`, ""},
		{`exec:a \`, `address "exec:a \\": a backslash at the end keeps nothing`, ""},
		{"exec:a \x00", `address "exec:a \x00": an argument cannot contain a zero byte`, ""},
		{"ssh:", `address "ssh:": no host`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:-oProxyCommand=x", `address "ssh:-oProxyCommand=x": a host cannot begin with '-': it would be taken for an option`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:me@-x", `address "ssh:me@-x": a host cannot begin with '-': it would be taken for an option`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:-l@far", `address "ssh:-l@far": "-l" is not a user name`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:$(x)", `address "ssh:$(x)": "$(x)" is not a host name`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:far:22", `address "ssh:far:22": "far:22" is not an IPv6 address`, "ssh:host/service; what else ssh should know goes in ~/.ssh/config"},
		{"ssh:far/a b", `address "ssh:far/a b": service "a b" is not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{"ssh:far/;x", `address "ssh:far/;x": service ";x" is not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{"tcp:4444", `address "tcp:4444": no host`, "tcp:localhost:4444"},
		{"tcp:far", `address "tcp:far": no port`, "tcp:far:4444"},
		{"tcp::4444", `address "tcp::4444": no host`, ""},
		{"tcp:far:", `address "tcp:far:": no port after the colon`, "tcp:localhost:4444"},
		{"tcp:far:99999", `address "tcp:far:99999": port "99999" is not a number from 0 to 65535`, ""},
		{"tcp:::1:1", `address "tcp:::1:1": an IPv6 address goes in brackets`, "tcp:localhost:4444"},
		{"tcp:[far]:1", `address "tcp:[far]:1": brackets are for an IPv6 address`, "tcp:localhost:4444"},
		{"tcp:[::1]x", `address "tcp:[::1]x": only a port may follow the brackets`, "tcp:localhost:4444"},
		{"tcp:far:1/#t=id.secret", `address "tcp:far:1/#…": tcp: takes a host and a port and nothing else`, "with a secret it is sabir://host:port/#t=… where there is TLS, else ws://localhost:port/#t=…"},
		{"sabir:far/#t=id.secret", `address "sabir:far/#…": sabir: is followed by two slashes`, "sabir://far/#…"},
		{"sabir//far/#t=id.secret", `address "sabir//far/#…": neither a name nor a path: a path begins with / or ./`, "./sabir//far/#…"},
		{"ssh:far/#t=id.secret", `address "ssh:far/#…": service "#…" is not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{"far:1/#t=id.secret", `address "far:1/#…": unknown scheme "far"`, "one of unix: exec: ssh: tcp: sabir:// ws:// wss:// http:// https://"},
		{"sabir://far/t=" + aToken, `address "sabir://far/t=…": service "t=…" is not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{aToken, `address "…": not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{"sabir://far/a?b", `address "sabir://far/a?…": sabir: addresses have no query`, ""},
		{"sabir://far/A#t=id.secret", `address "sabir://far/A#…": service "A" is not a name: lower-case letters, digits, _ and -, a letter first`, ""},
		{"http://me:secret@far/", `address "http://…@far/": a user or password has no place in an address: addresses are logged`, ""},
		{"wss://far/?token=secret", `address "wss://far/?…": wss: addresses have no query`, ""},
		{"https://far/50%", `address "https://far/50%": a % in a path is followed by two digits of hex`, ""},
		{"http://far/a b", `address "http://far/a b": blanks and control characters have no place in an address`, ""},
	}
	for _, test := range tests {
		_, err := Parse(test.text)
		var fault *AddressError
		if !errors.As(err, &fault) {
			t.Errorf("Parse(%q): %v", test.text, err)
			continue
		}
		if err.Error() != test.message || fault.Hint != test.hint || fault.Text != test.text {
			t.Errorf("Parse(%q):\n%s (%s), want\n%s (%s)", test.text, err, fault.Hint, test.message, test.hint)
		}
		if strings.Contains(err.Error()+fault.Hint, "secret") && !strings.HasPrefix(fault.Hint, "with a secret") {
			t.Errorf("%v tells a secret", err)
		}
	}
}

const aToken = "4uastaud77.secretsecretsecretsecr"

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"lounge", "/x", "./x", "unix:/x", `exec:a 'b c' "d\"e" \f ''`, "ssh:me@[::1]/x", "tcp:[::1]:1",
		"sabir://h:1/s#fp=x", "sabir://[fe80::1%a]/#", "ws://h/?a#b", "https://h:1", "exec:'\xff'\n", "ssh:-o", "a:1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			_ = err.Error()
			return
		}
		b, err := Parse(a.String())
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Fatalf("%q\n→ %#v\n→ %q\n→ %#v, %v", text, a, a.String(), b, err)
		}
		if a.Scheme == "ssh" && a.Host[0] == '-' {
			t.Fatalf("%q: host is an option", text)
		}
	})
}
