package web_test

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/vectors"
	"github.com/sabir-ipc/sabir/web"
)

// TestVectors plays vectors/http.
func TestVectors(t *testing.T) {
	files, err := fs.Glob(vectors.FS, "http/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(path.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := vectors.FS.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			archive := txtar.Parse(data)
			head := headOf(t, string(archive.Comment))
			var opts web.Options
			if head["allow"] != "" {
				opts.Origins = []string{head["allow"]}
			}
			s := serve(t, probe.New(), &opts)
			p := player{s: s, over: head["over"], known: map[string]string{"PORT": s.port}}
			for i := 0; i < len(archive.Files); i += 2 {
				if i+1 == len(archive.Files) || archive.Files[i].Name != "request" || archive.Files[i+1].Name != "answer" {
					t.Fatalf("file %d: a request and an answer, in turn", i)
				}
				if fault := p.play(t, string(archive.Files[i].Data), string(archive.Files[i+1].Data)); fault != "" {
					t.Errorf("%s\nto\n%s", fault, archive.Files[i].Data)
				}
			}
		})
	}
}

func headOf(t *testing.T, text string) map[string]string {
	head := make(map[string]string)
	for line := range strings.Lines(strings.TrimSpace(text)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case !ok, key != "clause" && key != "comment" && key != "over" && key != "allow":
			t.Fatalf("header line %q", line)
		}
		head[key] = value
	}
	return head
}

type player struct {
	s     *served
	over  string
	known map[string]string // what $name stands for
}

// play sends a request and says what is wrong with its answer.
func (p *player) play(t *testing.T, request, answer string) (fault string) {
	conn := p.s.dial(t, p.over)
	defer conn.Close()
	method, _, _ := strings.Cut(request, " ")
	if _, err := io.WriteString(conn, p.request(request)); err != nil {
		return err.Error()
	}
	got, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return err.Error()
	}
	head, body, _ := strings.Cut(strings.TrimSuffix(answer, "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	if fmt.Sprint(got.StatusCode) != lines[0] {
		text, _ := io.ReadAll(io.LimitReader(got.Body, 1000))
		return fmt.Sprintf("status %d, want %s\n%s", got.StatusCode, lines[0], text)
	}
	if got.Close {
		got.Header.Set("Connection", "close") // which ReadResponse takes out
	}
	for _, line := range lines[1:] {
		name, want, ok := strings.Cut(line, ": ")
		absent, isAbsent := strings.CutPrefix(line, "!")
		switch have := strings.Join(got.Header.Values(name), ", "); {
		case isAbsent && got.Header.Get(absent) != "":
			return fmt.Sprintf("has %s", line[1:])
		case ok && have != want:
			return fmt.Sprintf("%s: %q, want %q", name, have, want)
		}
	}
	return p.body(conn, got.Body, body+"\n")
}

// request completes a request.
func (p *player) request(text string) string {
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	lines[0] += " HTTP/1.1"
	has := func(name string) bool {
		for i, line := range lines {
			if strings.HasPrefix(line, name+":") {
				if line == name+":" {
					lines = append(lines[:i], lines[i+1:]...)
				}
				return true
			}
		}
		return false
	}
	if !has("Host") {
		lines = append(lines, map[bool]string{true: "Host: localhost", false: "Host: localhost:$PORT"}[p.over == "unix"])
	}
	if !has("Authorization") && p.over != "unix" {
		lines = append(lines, "Authorization: Bearer "+p.s.token)
	}
	if !has("Content-Length") {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	text = strings.Join(lines, "\r\n") + "\r\n\r\n"
	for name, value := range p.known {
		text = strings.ReplaceAll(text, "$"+name, value)
	}
	return text + body
}

var variable = regexp.MustCompile(`\\\$[a-z]+`)

// body compares as much as is expected: a stream of events may go on.
func (p *player) body(conn net.Conn, got io.Reader, want string) (fault string) {
	for name, value := range p.known {
		want = strings.ReplaceAll(want, "$"+name, value)
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(want, "\n")), "…", `[\s\S]*`)
	var names []string
	pattern = variable.ReplaceAllStringFunc(pattern, func(v string) string {
		name := v[2:]
		if slices.Contains(names, name) {
			return `[A-Za-z0-9]+`
		}
		names = append(names, name)
		return `(?P<` + name + `>[A-Za-z0-9]+)`
	})
	re, err := regexp.Compile(`^` + pattern + `\n?$`)
	if err != nil {
		return err.Error()
	}
	var have []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := got.Read(buf)
		have = append(have, buf[:n]...)
		found := re.FindSubmatch(have)
		if found != nil && (err != nil || strings.HasSuffix(want, "\n\n")) {
			for i, name := range re.SubexpNames() {
				if name != "" {
					p.known[name] = string(found[i])
				}
			}
			return ""
		}
		if err != nil {
			return fmt.Sprintf("body %q, want %q (%v)", have, want, err)
		}
	}
}
