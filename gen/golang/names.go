package golang

import (
	"strings"
)

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
