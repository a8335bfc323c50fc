package idl

import (
	"testing"
	"unicode/utf8"
)

// clause: T7
func TestCompilePattern(t *testing.T) {
	for _, test := range []struct {
		pattern string
		err     string
		yes, no []string
	}{
		{pattern: "", yes: []string{""}, no: []string{"a", "\n"}},
		{pattern: "abc", yes: []string{"abc"}, no: []string{"xabc", "abcx", "abc\n", "ABC"}},
		{pattern: "[a-z0-9-]{1,32}", yes: []string{"dev", "a-1"}, no: []string{"", "A", "a b", "aaaaaaaaaabbbbbbbbbbccccccccccddd"}},
		{pattern: ".", yes: []string{"a", "\n", "ż", "🐢"}, no: []string{"", "ab"}},
		{pattern: "ż?ó*", yes: []string{"", "ż", "żóó"}, no: []string{"żż", "z"}},
		{pattern: `\.\\\[\]\{\}\(\)\?\*\+\|\^\$`, yes: []string{`.\[]{}()?*+|^$`}, no: []string{`x\[]{}()?*+|^$`}},
		{pattern: `[\]\[\^\\]+`, yes: []string{`]`, `[^\`}, no: []string{"a", ""}},
		{pattern: "[^a-c]", yes: []string{"d", "-", "^"}, no: []string{"a", "b", "dd"}},
		{pattern: "[a^]", yes: []string{"a", "^"}, no: []string{"b"}},
		{pattern: "[.*+?$|(){}]", yes: []string{".", "$", "}"}, no: []string{"a"}},
		{pattern: "[-a]", yes: []string{"-", "a"}, no: []string{"b"}},
		{pattern: "[a-]", yes: []string{"-", "a"}, no: []string{"b"}},
		{pattern: "a{2}b{1,}c{0,2}", yes: []string{"aab", "aabbcc"}, no: []string{"ab", "aabccc"}},
		{pattern: "-", yes: []string{"-"}},
		{pattern: "/#~&@!%,;:'\"<>=_", yes: []string{"/#~&@!%,;:'\"<>=_"}},
		{pattern: "(a)", err: `pattern "(a)": no groups, alternatives or anchors here at byte 0`},
		{pattern: "a|b", err: `pattern "a|b": no groups, alternatives or anchors here at byte 1`},
		{pattern: "^a", err: `pattern "^a": no groups, alternatives or anchors here at byte 0`},
		{pattern: "a$", err: `pattern "a$": no groups, alternatives or anchors here at byte 1`},
		{pattern: "a)", err: `pattern "a)": no groups, alternatives or anchors here at byte 1`},
		{pattern: "*a", err: `pattern "*a": nothing to repeat at byte 0`},
		{pattern: "]", err: `pattern "]": nothing to repeat at byte 0`},
		{pattern: "}", err: `pattern "}": nothing to repeat at byte 0`},
		{pattern: "{2}", err: `pattern "{2}": nothing to repeat at byte 0`},
		{pattern: "a**", err: `pattern "a**": one quantifier an item at byte 2`},
		{pattern: "a+?", err: `pattern "a+?": one quantifier an item at byte 2`},
		{pattern: "a{2}{3}", err: `pattern "a{2}{3}": one quantifier an item at byte 4`},
		{pattern: "a{", err: `pattern "a{": expected {m}, {m,} or {m,n} at byte 1`},
		{pattern: "a{,2}", err: `pattern "a{,2}": expected {m}, {m,} or {m,n} at byte 1`},
		{pattern: "a{2, 3}", err: `pattern "a{2, 3}": expected {m}, {m,} or {m,n} at byte 1`},
		{pattern: "a{1000}", err: `pattern "a{1000}": expected {m}, {m,} or {m,n} at byte 1`},
		{pattern: "a{02}", err: `pattern "a{02}": expected {m}, {m,} or {m,n} at byte 1`},
		{pattern: "a{3,2}", err: `pattern "a{3,2}": invalid repeat count {3,2}`},
		{pattern: "[", err: `pattern "[": class without end at byte 0`},
		{pattern: "[a", err: `pattern "[a": class without end at byte 0`},
		{pattern: "[]", err: `pattern "[]": empty class at byte 1`},
		{pattern: "[^]", err: `pattern "[^]": empty class at byte 2`},
		{pattern: "[[:alpha:]]", err: `pattern "[[:alpha:]]": [ in a class takes a backslash at byte 1`},
		{pattern: "[z-a]", err: `pattern "[z-a]": invalid character class range z-a`},
		{pattern: `\d`, err: `pattern "\\d": \ before no metacharacter at byte 0`},
		{pattern: `\-`, err: `pattern "\\-": \ before no metacharacter at byte 0`},
		{pattern: `\`, err: `pattern "\\": \ before no metacharacter at byte 0`},
		{pattern: `\ż`, err: `pattern "\\ż": \ before no metacharacter at byte 0`},
		{pattern: `[\w]`, err: `pattern "[\\w]": \ before no metacharacter at byte 1`},
		{pattern: `[a\`, err: `pattern "[a\\": \ before no metacharacter at byte 2`},
		{pattern: "(?i)a", err: `pattern "(?i)a": no groups, alternatives or anchors here at byte 0`},
		{pattern: "a\xff", err: `pattern "a\xff": bad UTF-8 at byte 0`},
	} {
		re, err := CompilePattern(test.pattern)
		if err != nil {
			if err.Error() != test.err {
				t.Errorf("%q: %v, want %s", test.pattern, err, test.err)
			}
			continue
		}
		if test.err != "" {
			t.Errorf("%q was accepted, want %s", test.pattern, test.err)
			continue
		}
		for _, s := range test.yes {
			if !re.MatchString(s) {
				t.Errorf("%q does not match %q", test.pattern, s)
			}
			compare(t, test.pattern, s)
		}
		for _, s := range test.no {
			if re.MatchString(s) {
				t.Errorf("%q matches %q", test.pattern, s)
			}
			compare(t, test.pattern, s)
		}
	}
}

// compare lets the tiny matcher judge too.
func compare(t *testing.T, pattern, text string) {
	t.Helper()
	re, err := CompilePattern(pattern)
	if err != nil || !utf8.ValidString(text) {
		return
	}
	fuel := 200_000
	if is, ok := match(matcher(pattern), text, &fuel); ok && is != re.MatchString(text) {
		t.Errorf("%q and %q: a plain matcher says %v, ours %v", pattern, text, is, !is)
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{
		{"[a-z0-9-]{1,32}", "dev-1"}, {"a?b*c+", "abbc"}, {".{2,3}", "żó"}, {`\.[^\]]x{2,}`, ".axx"}, {"[a-c-e]", "-"}, {"[--a]", "0"},
		{"[z-a]", "x"}, {"(a|b)", "a"}, {"[^^]*", "\n"}, {"a{0}", ""}, {"[\\^-z]", "a"}, {"[a-\\]]", "a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 100 {
			return
		}
		compare(t, pattern, text)
	})
}
