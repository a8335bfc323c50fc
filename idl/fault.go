package idl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a text. Lines and columns count from 1, columns in code
// points. The zero Pos is nowhere.
type Pos struct {
	File string
	Line int
	Col  int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Fault is one thing wrong with a description.
type Fault struct {
	Pos     Pos
	Where   string // what it is about, "lounge.say(room)", for trees that have no text
	Message string
	Hint    string // what to do, or empty
}

func (f Fault) String() string {
	at := f.Pos.String()
	if f.Pos.Line == 0 && f.Where != "" {
		at = f.Where
	}
	if at == "" {
		return f.Message
	}
	return at + ": " + f.Message
}

// Faults are all that is wrong with a description, by place. It is the error of
// [Parse] and [Load].
type Faults []Fault

// Error gives a line for each fault, and one for its hint.
func (fs Faults) Error() string {
	var b strings.Builder
	for i, f := range fs {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String())
		if f.Hint != "" {
			b.WriteString("\n\thint: " + f.Hint)
		}
	}
	return b.String()
}

// maxFaults is how many faults of a text are told. Whoever has more has one
// that the others follow from.
const maxFaults = 50

// sorted returns the faults by place, or nil, so that it can be an error.
func (fs Faults) sorted() error {
	if len(fs) == 0 {
		return nil
	}
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return fs[:min(len(fs), maxFaults)]
}
