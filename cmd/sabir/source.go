package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
)

// source is a description from wherever it came.
type source struct {
	name    string
	service *idl.Service
	file    *idl.File // nil: it came from a live service
}

const sourceHelp = `A description is a file NAME.sabir, - for stdin, REV:FILE for a file as git has
it in a revision, or the name or address of a service that runs.`

// faults are what is wrong with a description from a live service; a file with
// any is an error of open.
func (s *source) faults() idl.Faults {
	if s.file != nil {
		return nil
	}
	return idl.Check(s.service)
}

// at is where a node of the description stands, or what it came from.
func (s *source) at(node any) idl.Pos {
	if s.file != nil {
		return s.file.At(node)
	}
	return idl.Pos{File: s.name}
}

// openSource reads the description that a word of the command line means.
func (a *app) openSource(ctx context.Context, word string) (*source, error) {
	rev, file, inGit := strings.Cut(word, ":")
	switch {
	case word == "-":
		return loadSource("stdin", func(name string) ([]byte, error) {
			if name == "stdin" {
				return io.ReadAll(a.in)
			}
			return readFile(name)
		})
	case inGit && strings.HasSuffix(file, ".sabir") && rev != "" && !isFile(word):
		return loadSource(file, func(name string) ([]byte, error) { return gitFile(ctx, rev, name) })
	case strings.HasSuffix(word, ".sabir") || isFile(word):
		return loadSource(word, readFile)
	}
	return a.liveSource(ctx, word)
}

func loadSource(name string, read func(string) ([]byte, error)) (*source, error) {
	f, err := idl.Load(name, read)
	if err != nil {
		return nil, err
	}
	return &source{name: name, service: &f.Service, file: f}, nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func readFile(name string) ([]byte, error) {
	text, err := os.ReadFile(name)
	var at *fs.PathError
	if errors.As(err, &at) {
		return nil, fmt.Errorf("%s: %w", name, at.Err)
	}
	return text, err
}

// gitFile reads a file, relative to where we are, as a revision has it.
func gitFile(ctx context.Context, rev, name string) ([]byte, error) {
	from := name
	if !path.IsAbs(name) {
		from = "./" + name
	}
	text, err := exec.CommandContext(ctx, "git", "show", "--end-of-options", rev+":"+from).Output()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		why, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
		return nil, fmt.Errorf("%s:%s: git: %s", rev, name, strings.TrimPrefix(why, "fatal: "))
	case err != nil:
		return nil, fmt.Errorf("git: %w", err)
	}
	return text, nil
}

// liveSource asks a service, by its name or by an address where there is one.
func (a *app) liveSource(ctx context.Context, word string) (*source, error) {
	if service, member, dotted := strings.Cut(word, "."); dotted && member != "" && !strings.ContainsAny(word, "/:") {
		return nil, &usage{word + " is a member, not a description", "sabir describe " + word + ", or with all of it: " + service}
	}
	service, address := word, a.addressOf(word)
	if strings.ContainsAny(word, "/:") {
		service, address = "", word
	} else if address == word && strings.Contains(word, "-") {
		service = "" // an instance: the service there has another name
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	client, hangUp, err := a.reach(ctx, address)
	if err != nil {
		return nil, a.timed(public(word), err)
	}
	defer hangUp()
	d, err := describe(ctx, client, service, "")
	switch err = silent(address, err); {
	case errors.Is(err, sabir.ErrMethodNotFound) && !isStranger(err):
		return nil, noService(service, address, err)
	case err != nil:
		return nil, a.timed(public(word), regarding(public(word), err))
	case len(d.services) != 1:
		return nil, &usage{fmt.Sprintf("%d services at %s; one is meant", len(d.services), word), "sabir -a " + public(address) + " COMMAND SERVICE"}
	}
	return &source{name: word, service: &d.services[0]}, nil
}
