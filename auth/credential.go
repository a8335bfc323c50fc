package auth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is how the owner of a credential proves it.
type Kind string

const (
	Token       Kind = "token"       // a secret that was generated: SCRAM, or shown as it is over HTTP
	Password    Kind = "password"    // a secret that a person chose: SCRAM only
	Once        Kind = "once"        // a pairing token: one proof within its time, traded for a Token
	Certificate Kind = "certificate" // a client's certificate, by its SHA-256
)

// levels are those of spec [D4], in their order.
var levels = []string{"read", "write", "admin"}

// Rights are what a credential opens.
type Rights struct {
	Level string // "read", "write" or "admin"
	Only  []Glob // members it is narrowed to; empty: all
}

// Credential is one way in. It holds no secret that would let anybody in.
type Credential struct {
	Kind Kind
	ID   string // what its owner says; unique
	Name string // what people call it, and rpc.info: of passwords the same as ID
	Rights

	Keys        Keys     // but of certificates
	Bearer      [32]byte // SHA-256 of a token's secret; else zero
	Fingerprint [32]byte // of a certificate; else zero

	Created time.Time
	Used    time.Time // last, to the minute; zero: never
	Expires time.Time // zero: never
}

// Glob is a pattern of members: service.member, where * on either side stands for any run of characters in it.
type Glob string

// Match reports whether member is one of those meant. spec [K11]
func (g Glob) Match(member string) bool {
	service, name, _ := strings.Cut(string(g), ".")
	gotService, gotName, _ := strings.Cut(member, ".")
	return star(service, gotService) && star(name, gotName)
}

// star matches text greedily, coming back to the last * only, so its time is bounded by the product of the lengths.
func star(pattern, text string) bool {
	p, t, last, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			last, from = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case last >= 0:
			from++
			p, t = last+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Covers reports whether the credential may be used for member at all; whether its level suffices is another question.
// What the protocol itself offers, rpc.info and its like, is never cut off.
func (r Rights) Covers(member string) bool {
	if len(r.Only) == 0 || strings.HasPrefix(member, "rpc.") {
		return true
	}
	return slices.ContainsFunc(r.Only, func(g Glob) bool { return g.Match(member) })
}

// ParseGlobs reads patterns with commas between: lounge.*,probe.status. At most 32, of at most 129 bytes.
func ParseGlobs(text string) ([]Glob, error) {
	if text == "" {
		return nil, nil
	}
	var globs []Glob
	for part := range strings.SplitSeq(text, ",") {
		service, name, ok := strings.Cut(part, ".")
		if !ok || len(part) > 129 || !globPart(service) || !globPart(name) {
			return nil, fmt.Errorf("%q is no pattern of members; it is service.member, with * for any part of a name", part)
		}
		globs = append(globs, Glob(part))
	}
	if len(globs) > 32 {
		return nil, fmt.Errorf("%d patterns, more than 32", len(globs))
	}
	return globs, nil
}

func globPart(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' || r == '*')
	})
}

// joinGlobs is the inverse of ParseGlobs.
func joinGlobs(globs []Glob) string {
	var parts []string
	for _, g := range globs {
		parts = append(parts, string(g))
	}
	return strings.Join(parts, ",")
}

// live reports whether c counts at that time. A pairing token lives by a clock that may be set, so it is dead before
// its time as well as after.
func (c *Credential) live(now time.Time) bool {
	if c.Kind == Once && now.Before(c.Created.Add(-time.Minute)) {
		return false
	}
	return c.Expires.IsZero() || now.Before(c.Expires)
}

// same reports whether whoever got in by c would get in by d in the same way.
func (c *Credential) same(d *Credential) bool {
	return c.Kind == d.Kind && c.Name == d.Name && c.Level == d.Level && slices.Equal(c.Only, d.Only) &&
		c.Keys.Stored == d.Keys.Stored && c.Fingerprint == d.Fingerprint && c.Expires.Equal(d.Expires)
}

// fault says what is wrong with c, or nothing.
func (c *Credential) fault() string {
	scram := c.Kind != Certificate
	switch {
	case c.Kind != Token && c.Kind != Password && c.Kind != Once && c.Kind != Certificate:
		return fmt.Sprintf("unknown kind %q", c.Kind)
	case !validID(c.ID):
		return fmt.Sprintf("id %q has other characters than a-z 0-9 . _ -, or not 1 to 64", c.ID)
	case generated(c.ID) == (c.Kind == Password):
		return fmt.Sprintf("id %q: that of a %s begins with %s", c.ID, c.Kind, map[bool]string{true: "a letter", false: "a digit"}[c.Kind == Password])
	case !validID(c.Name) && (c.Name != "" || c.Kind != Once):
		return fmt.Sprintf("name %q has other characters than a-z 0-9 . _ -, or not 1 to 64", c.Name)
	case !slices.Contains(levels, c.Level):
		return fmt.Sprintf("level %q is none of read, write, admin", c.Level)
	case c.Created.IsZero():
		return "no time of its making"
	case c.Kind == Once && c.Expires.IsZero():
		return "a pairing token without end"
	case scram && (len(c.Keys.Salt) < 8 || len(c.Keys.Salt) > maxSalt || c.Keys.Stored == [32]byte{} || c.Keys.Server == [32]byte{}):
		return "no keys"
	case scram && (c.Keys.Iterations < minIterations || c.Keys.Iterations > maxIterations):
		return "iterations are not from 4096 to 1000000"
	case !scram && c.Fingerprint == [32]byte{}:
		return "no fingerprint"
	}
	return ""
}
