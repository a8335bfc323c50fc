package auth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// heading is the first line of a file of credentials. A later form has another number, and is not read by this code,
// because what one does not know one would lose when writing.
const heading = "sabir-credentials 1"

// maxCredentials bounds a file, so that a look-up stays cheap.
const maxCredentials = 10_000

// FileError says which line of a file of credentials is wrong, and how. The file was left as it is.
type FileError struct {
	Path   string
	Line   int
	Reason string
}

func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason) }

// contents are the lines of a file: credentials in their order, and the remarks between them, which are kept.
type contents struct {
	seed  [32]byte // of the salts: the same for an id whether it exists or not. spec [K8]
	lines []line
}

type line struct {
	remark     string
	credential *Credential // nil: it is a remark
}

// parse reads a file. It takes no line that it could not write again.
func parse(path string, data []byte) (*contents, error) {
	out := &contents{}
	seen := map[string]int{}
	number := 0
	fault := func(format string, args ...any) error {
		return &FileError{path, number, fmt.Sprintf(format, args...)}
	}
	for text := range strings.Lines(string(data)) {
		number++
		text, whole := strings.CutSuffix(text, "\n")
		switch {
		case !whole:
			return nil, fault("the last line is not whole")
		case number == 1 && text != heading:
			return nil, fault("is not %q; it is no file of credentials, or one of another version", heading)
		case number == 1:
		case text == "" || text[0] == '#':
			out.lines = append(out.lines, line{remark: text})
		case strings.HasPrefix(text, "seed "):
			seed, ok := decodeKey(text[len("seed "):])
			if !ok || out.seed != [32]byte{} {
				return nil, fault("seed is not 32 bytes of base64, once")
			}
			out.seed = seed
		default:
			c, reason := parseCredential(text)
			if reason != "" {
				return nil, fault("%s", reason)
			}
			if before := seen[c.ID]; before != 0 {
				return nil, fault("id %q is already on line %d", c.ID, before)
			}
			seen[c.ID] = number
			out.lines = append(out.lines, line{credential: c})
		}
	}
	if out.seed == [32]byte{} {
		return nil, fault("ends without a seed")
	}
	if len(seen) > maxCredentials {
		return nil, fault("more than %d credentials", maxCredentials)
	}
	return out, nil
}

func parseCredential(text string) (c *Credential, reason string) {
	kind, rest, _ := strings.Cut(text, " ")
	c = &Credential{Kind: Kind(kind)}
	seen := map[string]bool{}
	for field := range strings.FieldsSeq(rest) {
		key, value, ok := strings.Cut(field, "=")
		if !ok || seen[key] {
			return nil, fmt.Sprintf("%q is not key=value, once", field)
		}
		seen[key] = true
		if !c.set(key, value) {
			return nil, fmt.Sprintf("%s=%s is no field of a credential, or no value for it", key, value)
		}
	}
	return c, c.fault()
}

func (c *Credential) set(key, value string) (ok bool) {
	ok = true
	var err error
	switch key {
	case "id":
		c.ID = value
	case "name":
		c.Name = value
	case "level":
		c.Level = value
	case "only":
		c.Only, err = ParseGlobs(value)
	case "salt":
		c.Keys.Salt, ok = decode(value)
	case "iterations":
		c.Keys.Iterations, err = strconv.Atoi(value)
	case "stored":
		c.Keys.Stored, ok = decodeKey(value)
	case "server":
		c.Keys.Server, ok = decodeKey(value)
	case "bearer":
		c.Bearer, ok = decodeKey(value)
	case "fingerprint":
		c.Fingerprint, ok = decodeKey(value)
	case "created":
		c.Created, err = time.Parse(time.RFC3339, value)
	case "used":
		c.Used, err = time.Parse(time.RFC3339, value)
	case "expires":
		c.Expires, err = time.Parse(time.RFC3339, value)
	default:
		return false
	}
	return ok && err == nil
}

// format is the inverse of parse.
func (f *contents) format() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\nseed %s\n", heading, base64.StdEncoding.EncodeToString(f.seed[:]))
	for _, l := range f.lines {
		if l.credential != nil {
			l.remark = l.credential.format()
		}
		out.WriteString(l.remark + "\n")
	}
	return out.Bytes()
}

func (c *Credential) format() string {
	var out strings.Builder
	out.WriteString(string(c.Kind))
	add := func(key, value string) {
		if value != "" {
			out.WriteString(" " + key + "=" + value)
		}
	}
	key := func(k [32]byte) string {
		if k == [32]byte{} {
			return ""
		}
		return base64.StdEncoding.EncodeToString(k[:])
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	add("id", c.ID)
	add("name", c.Name)
	add("level", c.Level)
	add("only", joinGlobs(c.Only))
	add("salt", base64.StdEncoding.EncodeToString(c.Keys.Salt))
	if c.Keys.Iterations != 0 {
		add("iterations", strconv.Itoa(c.Keys.Iterations))
	}
	add("stored", key(c.Keys.Stored))
	add("server", key(c.Keys.Server))
	add("bearer", key(c.Bearer))
	add("fingerprint", key(c.Fingerprint))
	add("created", at(c.Created))
	add("used", at(c.Used))
	add("expires", at(c.Expires))
	return out.String()
}

// find is the credential with that id, or nil.
func (f *contents) find(id string) *Credential {
	for _, l := range f.lines {
		if l.credential != nil && l.credential.ID == id {
			return l.credential
		}
	}
	return nil
}

func (f *contents) add(c *Credential) { f.lines = append(f.lines, line{credential: c}) }

// remove takes out the credentials that match and tells how many.
func (f *contents) remove(match func(*Credential) bool) (n int) {
	var kept []line
	for _, l := range f.lines {
		if l.credential != nil && match(l.credential) {
			n++
			continue
		}
		kept = append(kept, l)
	}
	f.lines = kept
	return n
}
