package main

import (
	"bufio"
	"context"
	"io"
	"strings"
)

// script is lines from a file or a pipe.
type script struct{ lines *bufio.Scanner }

func newScript(in io.Reader) *script {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxParams)
	return &script{lines}
}

func (s *script) line(context.Context) (string, error) {
	if s.lines.Scan() {
		return s.lines.Text(), nil
	}
	if err := s.lines.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

// split cuts a line into words as a shell does: '…' is as it stands, in "…" and
// outside a backslash takes the next character as it is, and $_ is what last
// gives. A # that begins a word begins a remark.
func split(line string, last func(path string) (string, error)) (words []string, err error) {
	var word strings.Builder
	begun := false
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && i+1 < len(line):
			i++
			begun = true
			word.WriteByte(line[i])
		case strings.HasPrefix(line[i:], "$_"):
			path := pathOf(line[i+2:])
			text, err := last(strings.TrimPrefix(path, "."))
			if err != nil {
				return nil, err
			}
			begun = true
			word.WriteString(text)
			i += 1 + len(path)
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, begun = c, true
		case c == ' ' || c == '\t':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		case c == '#' && !begun:
			return words, nil
		default:
			begun = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, &usage{"a quote " + string(quote) + " without its end", ""}
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// pathOf is what of a text goes on from $_: .name, .0, again and again.
func pathOf(text string) string {
	end := 0
	for end < len(text) && text[end] == '.' {
		next := end + 1
		for next < len(text) && isPathLetter(text[next]) {
			next++
		}
		if next == end+1 {
			break // a full stop
		}
		end = next
	}
	return text[:end]
}

func isPathLetter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_'
}
