package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sabir-ipc/sabir/idl"
	"github.com/spf13/cobra"
)

func (a *app) fmtCommand() *cobra.Command {
	var inPlace, diff bool
	c := &cobra.Command{
		Use: "fmt [-w] [-d] FILE...", Short: "write descriptions in the one form that they have",
		Long: `Print descriptions in their one form, with all their comments. With -w the files
are written anew, where that changes them; with -d what would change is printed,
and the exit status is 1 if there is anything. FILE may be - for stdin.`,
		Example: `  sabir fmt -w *.sabir
  sabir fmt -d lounge.sabir`,
		Args: takes(1, -1, "files"),
		RunE: func(c *cobra.Command, files []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.format(c.Context(), files, inPlace, diff)
		},
	}
	c.Flags().BoolVarP(&inPlace, "write", "w", false, "write the files instead of printing them")
	c.Flags().BoolVarP(&diff, "diff", "d", false, "print what would change")
	return c
}

// errOtherForm is the exit status of fmt -d.
var errOtherForm = errors.New("not in the form that sabir fmt writes")

func (a *app) format(ctx context.Context, files []string, inPlace, diff bool) error {
	var faults idl.Faults
	changed := false
	for _, name := range files {
		text, err := a.readText(name)
		if err != nil {
			return err
		}
		f, err := idl.Parse(name, text)
		if err != nil {
			var some idl.Faults
			errors.As(err, &some)
			faults = append(faults, some...)
			continue
		}
		formatted := f.Format()
		same := formatted == string(text)
		changed = changed || !same
		switch {
		case diff && !same:
			err = a.printDiff(ctx, name, formatted)
		case inPlace && name == "-":
			return &usage{"-w is for files, and - is stdin", ""}
		case inPlace && !same:
			err = replaceFile(name, []byte(formatted))
		case !diff && !inPlace:
			err = a.printText(formatted)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case len(faults) > 0:
		return faults
	case diff && changed:
		return &quiet{errOtherForm}
	}
	return nil
}

func (a *app) readText(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.in)
	}
	return readFile(name)
}

// printDiff has diff(1) show what would change.
func (a *app) printDiff(ctx context.Context, name, formatted string) error {
	c := exec.CommandContext(ctx, "diff", "-u", "--label", name, "--label", name+" (sabir fmt)", "--", name, "-")
	if name == "-" {
		return &usage{"-d is for files, and - is stdin", ""}
	}
	c.Stdin = strings.NewReader(formatted)
	out, err := c.Output()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != 1) {
		return err
	}
	return a.printText(string(out))
}

// replaceFile puts a new file in the place of one, at once, with its mode.
func replaceFile(name string, data []byte) error {
	mode := fs.FileMode(0o644)
	info, err := os.Stat(name)
	switch {
	case err == nil:
		mode = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", name, at.Err) // and not of a name that nobody has given
	}
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // which is gone if all went well
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// quiet is an exit status of 1 for which what was printed says why.
type quiet struct{ error }

func (a *app) checkCommand() *cobra.Command {
	var errorsOnly bool
	c := &cobra.Command{
		Use: "check [FILE | ADDRESS]...", Short: "find what is wrong with descriptions",
		Long: `Print what is wrong with descriptions, and what could be better, a line each with
the place and what to do. The exit status is 1 if there is anything.

` + sourceHelp,
		Example: `  sabir check *.sabir
  sabir check lounge`,
		Args:              takes(1, -1, "files and services"),
		ValidArgsFunction: a.completeSource,
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.check(c.Context(), words, errorsOnly)
		},
	}
	c.Flags().BoolVarP(&errorsOnly, "errors", "e", false, "leave out what could only be better")
	return c
}

var errFound = errors.New("something was found")

func (a *app) check(ctx context.Context, words []string, errorsOnly bool) error {
	found := false
	for _, word := range words {
		wrong, style, err := a.checkOne(ctx, word)
		if err != nil {
			return err
		}
		if errorsOnly {
			style = nil
		}
		for i := range style {
			style[i].Message = "style: " + style[i].Message
		}
		for _, fault := range append(wrong, style...) {
			found = true
			if err := a.printText(idl.Faults{fault}.Error() + "\n"); err != nil {
				return err
			}
		}
	}
	if found {
		return &quiet{errFound}
	}
	return nil
}

func (a *app) checkOne(ctx context.Context, word string) (wrong, style idl.Faults, err error) {
	s, err := a.openSource(ctx, word)
	if errors.As(err, &wrong) {
		return wrong, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if wrong = s.faults(); len(wrong) > 0 {
		return wrong, nil, nil
	}
	if s.file != nil {
		return nil, s.file.Style(), nil
	}
	return nil, idl.Style(s.service), nil
}

// completeSource lists services; files come from the shell.
func (a *app) completeSource(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names, _ := a.completeAddress(nil, nil, "")
	return names, cobra.ShellCompDirectiveDefault
}
