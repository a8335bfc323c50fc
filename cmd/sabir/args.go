package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/wire"
)

// argument is one word after SERVICE.METHOD.
type argument struct {
	name string // empty: a value in declared order
	text string
	json []byte // of name:=json
}

// arguments are the words after SERVICE.METHOD, not looked up yet.
type arguments struct {
	all   []argument
	whole []byte            // the params object from stdin, in place of all
	files map[string][]byte // what was read for name=@FILE: a pipe has it once, and it may be converted twice
}

// parseArguments sorts the words by their form, and reads stdin for -.
func parseArguments(words []string, in io.Reader) (arguments, error) {
	args := arguments{files: make(map[string][]byte)}
	for _, word := range words {
		if word == "-" {
			if len(words) > 1 {
				return args, &usage{"- is all arguments from stdin, and goes with no others", "echo '{\"room\":\"dev\"}' | sabir call lounge.say -"}
			}
			var err error
			args.whole, err = readParams(in)
			return args, err
		}
		arg := argument{text: word}
		if name, text, ok := strings.Cut(word, "="); ok {
			bare, isJSON := strings.CutSuffix(name, ":")
			if looksLikeName(bare) {
				arg.name, arg.text = bare, text
			}
			if arg.name != "" && isJSON {
				raw, err := compactJSON([]byte(text))
				if err != nil {
					return args, &usage{fmt.Sprintf("%s: %v", bare, err), bare + "=" + text + " passes it as text"}
				}
				arg.json = raw
			}
		}
		args.all = append(args.all, arg)
	}
	return args, nil
}

// looksLikeName takes what somebody could have meant as a name, well-formed or not.
func looksLikeName(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// maxParams is more than any service takes, and less than would hurt.
const maxParams = 16 << 20

// readParams reads the params object from stdin.
func readParams(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxParams+1))
	if err != nil {
		return nil, fmt.Errorf("stdin: %w", err)
	}
	if len(text) > maxParams {
		return nil, &usage{fmt.Sprintf("stdin: over %d bytes", maxParams), ""}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, &usage{"stdin: empty, expected an object", `{"room":"dev"}`}
	}
	raw, err := compactJSON(bytes.TrimSpace(text))
	if err != nil {
		return nil, &usage{fmt.Sprintf("stdin: %v", err), ""}
	}
	if raw[0] != '{' {
		return nil, &usage{"stdin: not an object", `{"room":"dev"}`}
	}
	return raw, nil
}

// file is what name=@FILE stands for, for which one waits as long as ctx lasts.
func (args *arguments) file(ctx context.Context, name string) ([]byte, error) {
	if text, ok := args.files[name]; ok {
		return text, nil
	}
	var text []byte
	var err error
	if !within(ctx, func() { text, err = readArgument(name) }) {
		return nil, context.Cause(ctx)
	}
	if err == nil {
		args.files[name] = text
	}
	return text, err
}

// readArgument reads a file, and no more of it than could be sent: /dev/zero has
// no end.
func readArgument(name string) ([]byte, error) {
	f, err := os.Open(name)
	if name == "-" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; stdin is @/dev/stdin", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxParams+1))
	if err == nil && len(text) > maxParams {
		err = fmt.Errorf("%s: over %d bytes", name, maxParams)
	}
	return text, err
}

// compactJSON checks that text is strict JSON and takes the line ends out,
// which would end the message on the wire.
func compactJSON(text []byte) ([]byte, error) {
	p := wire.Parser{Enc: wire.JSON}
	if err := p.Check(text); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := json.Compact(&b, text)
	return b.Bytes(), err
}

// params makes the params of the call by the declared types.
func (t *target) params(ctx context.Context, args arguments) (sabir.Body, error) {
	if args.whole != nil {
		return sabir.RawBody(wire.Value{Raw: args.whole}), nil
	}
	if err := t.assign(args.all); err != nil {
		return sabir.Body{}, err
	}
	conv := converter{service: t.service, now: time.Now, readFile: func(name string) ([]byte, error) { return args.file(ctx, name) }}
	out := []byte{'{'}
	given := make(map[string]bool)
	for _, arg := range args.all {
		if arg.name == "" {
			continue // of a member that is not there, which the service will say
		}
		if given[arg.name] {
			return sabir.Body{}, t.wrong("%s is given twice", arg.name)
		}
		given[arg.name] = true
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = wire.AppendString(out, wire.JSON, arg.name)
		out = append(out, ':')
		if arg.json != nil {
			out = append(out, arg.json...)
			continue
		}
		raw, err := conv.convert(t.paramType(arg.name), arg.text)
		if err != nil && ctx.Err() != nil {
			return sabir.Body{}, context.Cause(ctx)
		}
		if err != nil {
			return sabir.Body{}, t.wrong("%s: %v", arg.name, err)
		}
		out = append(out, raw...)
	}
	return sabir.RawBody(wire.Value{Raw: append(out, '}')}), nil
}

// isSensitive reports whether an argument is nothing to be kept.
func (t *target) isSensitive(name string) bool {
	if t.member == nil {
		return false
	}
	i := slices.IndexFunc(t.member.Params, func(f idl.Field) bool { return f.Name == name })
	return i >= 0 && t.member.Params[i].Sensitive
}

// assign gives names to the values that came without, in declared order, and
// refuses names that are not declared.
func (t *target) assign(args []argument) error {
	if t.member == nil {
		for _, arg := range args {
			if arg.name == "" && t.service == nil {
				return &usage{t.method + ": it does not describe itself, so values need names", "name=" + arg.text}
			}
		}
		return nil
	}
	var names, free []string
	for _, f := range t.member.Params {
		names = append(names, f.Name)
	}
	named := make(map[string]bool)
	for _, arg := range args {
		named[arg.name] = true
		if arg.name != "" && t.paramType(arg.name) == nil {
			return t.unknown(arg, names)
		}
	}
	for _, name := range names {
		if !named[name] {
			free = append(free, name)
		}
	}
	for i := range args {
		if args[i].name != "" {
			continue
		}
		if len(free) == 0 {
			return t.wrong("no argument left for %q", args[i].text)
		}
		args[i].name, free = free[0], free[1:]
	}
	return nil
}

func (t *target) unknown(arg argument, names []string) error {
	if near := codec.Nearest(arg.name, names); near != "" {
		return &usage{fmt.Sprintf("%s: no argument %s, did you mean %s?", t.method, arg.name, near), signature(t.member)}
	}
	return t.wrong("no argument %s", arg.name)
}

// wrong is a mistake in the arguments, with what they should be as a hint.
func (t *target) wrong(format string, args ...any) error {
	u := &usage{message: t.method + ": " + fmt.Sprintf(format, args...)}
	if t.member != nil {
		u.hint = signature(t.member)
	}
	return u
}
