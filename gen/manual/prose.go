package manual

import "strings"

// block is a piece of a doc: a paragraph, a list, or lines that stay as they are.
type block struct {
	Para  []span
	Items [][]span
	Lines string
}

// span is text, or code that stood between backticks.
type span struct {
	Text string
	Code bool
}

// blocks cuts a doc: empty lines end paragraphs, lines with a tab or blanks
// before them stay as they are, lines with a dash before them are a list.
func blocks(doc string) (all []block) {
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			all = append(all, group(lines))
		}
		lines = nil
	}
	kind := 0
	for line := range strings.SplitSeq(doc, "\n") {
		k := kindOf(line)
		if inItem := kind == dash && k == indented; k != kind && !inItem {
			flush()
			kind = k
		}
		if k != empty {
			lines = append(lines, line)
		}
	}
	flush()
	return all
}

const (
	empty = iota
	plain
	indented
	dash
)

func kindOf(line string) int {
	switch {
	case strings.TrimSpace(line) == "":
		return empty
	case strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* "):
		return dash
	case line[0] == ' ' || line[0] == '\t':
		return indented
	}
	return plain
}

func group(lines []string) block {
	switch kindOf(lines[0]) {
	case indented:
		return block{Lines: strings.Join(unindented(lines), "\n")}
	case dash:
		var items []string
		for _, line := range lines {
			if kindOf(line) == dash {
				items = append(items, line[2:])
			} else {
				items[len(items)-1] += " " + strings.TrimSpace(line)
			}
		}
		var b block
		for _, item := range items {
			b.Items = append(b.Items, spans(item))
		}
		return b
	}
	return block{Para: spans(strings.Join(lines, "\n"))}
}

// unindented takes away what all lines begin with.
func unindented(lines []string) []string {
	margin := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " \t"))]
	for _, line := range lines[1:] {
		for !strings.HasPrefix(line, margin) {
			margin = margin[:len(margin)-1]
		}
	}
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = line[len(margin):]
	}
	return out
}

func spans(text string) (all []span) {
	for text != "" {
		before, rest, ok := strings.Cut(text, "`")
		inside, after, closed := strings.Cut(rest, "`")
		if !ok || !closed || inside == "" {
			return append(all, span{Text: text})
		}
		if before != "" {
			all = append(all, span{Text: before})
		}
		all = append(all, span{Text: inside, Code: true})
		text = after
	}
	return all
}

// firstSentence is what stands for a doc where there is little room.
func firstSentence(doc string) string {
	first, _, _ := strings.Cut(doc, "\n\n")
	first = strings.Join(strings.Fields(strings.ReplaceAll(first, "`", "")), " ")
	if end := strings.Index(first, ". "); end > 0 {
		return first[:end+1]
	}
	return first
}

// escape makes Markdown of text in which nothing means anything to Markdown.
func escape(text string) string {
	var out strings.Builder
	start := true
	for i, r := range text {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>|~&", r),
			start && strings.ContainsRune("#+-=", r),
			r == '.' && i > 0 && strings.HasPrefix(text[i:], ". ") && strings.Trim(text[strings.LastIndexByte(text[:i], '\n')+1:i], "0123456789") == "":
			out.WriteByte('\\')
		}
		out.WriteRune(r)
		start = r == '\n'
	}
	return out.String()
}

// code is code inside a line, with as many backticks around it as it takes.
func code(text string) string {
	ticks := "`"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(ticks) > 1 {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// cell is text that has to stay on one line.
func cell(text string) string { return escape(strings.Join(strings.Fields(text), " ")) }
