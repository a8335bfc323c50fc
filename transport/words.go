package transport

import "strings"

// splitWords splits text as a POSIX shell splits a command: blanks separate, '…' keeps all, "…" keeps all but \" \\
// \$ \` and \newline, a backslash keeps the next byte. Nothing is expanded: $HOME, ~, * and | are themselves, because
// an address may come from a file or another machine and must not run more than it shows.
// The reason is empty when text is well formed.
func splitWords(text string) (words []string, reason string) {
	var word strings.Builder
	inWord := false // tells '' (an empty word) from nothing at all
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '\'':
			n := strings.IndexByte(text[i+1:], '\'')
			if n < 0 {
				return nil, "a ' is never closed"
			}
			word.WriteString(text[i+1 : i+1+n])
			inWord = true
			i += n + 1
		case '"':
			n, ok := doubleQuoted(&word, text[i+1:])
			if !ok {
				return nil, `a " is never closed`
			}
			inWord = true
			i += n
		case '\\':
			i++
			if i == len(text) {
				return nil, "a backslash at the end keeps nothing"
			}
			if text[i] != '\n' { // a shell joins lines there
				word.WriteByte(text[i])
				inWord = true
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, ""
}

// doubleQuoted appends what stands before the closing quote and tells how many bytes that took with the quote.
func doubleQuoted(word *strings.Builder, text string) (n int, ok bool) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\' && i+1 < len(text) && strings.IndexByte("\"\\$`\n", text[i+1]) >= 0:
			i++
			if text[i] != '\n' {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return 0, false
}

// joinWords is the inverse of splitWords, and what it writes can be pasted into a shell.
func joinWords(words []string) string {
	var text strings.Builder
	for i, word := range words {
		if i > 0 {
			text.WriteByte(' ')
		}
		if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
			return !alphanumeric(r) && !strings.ContainsRune("_@%+=:,./-", r)
		}) {
			text.WriteString(word)
			continue
		}
		text.WriteString("'" + strings.ReplaceAll(word, "'", `'\''`) + "'")
	}
	return text.String()
}
