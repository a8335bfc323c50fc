package golang

import (
	"strings"
)

// taken are the names of one scope.
type taken map[string]bool

// free returns the first name that nothing else has, and takes it.
func (t taken) free(names ...string) string {
	for _, n := range names {
		if !t[n] {
			t[n] = true
			return n
		}
	}
	return t.free(names[len(names)-1] + "_")
}

func (t taken) with(names ...string) taken {
	for _, n := range names {
		t[n] = true
	}
	return t
}

// initialisms are written in capitals, as Go has it.
var initialisms = map[string]bool{
	"api": true, "cpu": true, "dns": true, "gid": true, "html": true, "http": true, "https": true, "id": true, "io": true, "ip": true,
	"json": true, "os": true, "pid": true, "ram": true, "sql": true, "ssh": true, "tcp": true, "tls": true, "ttl": true, "udp": true,
	"ui": true, "uid": true, "uri": true, "url": true, "uuid": true, "xml": true,
}

// camel turns room_id into RoomID.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		switch {
		case initialisms[part]:
			b.WriteString(strings.ToUpper(part))
		case part != "":
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// words turns NoSuchRoom into "no such room".
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte(' ')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
