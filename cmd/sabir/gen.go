package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sabir-ipc/sabir/gen/golang"
	"github.com/sabir-ipc/sabir/gen/manual"
	"github.com/sabir-ipc/sabir/gen/python"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/spf13/cobra"
)

func (a *app) genCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "gen COMMAND", Short: "make programs and documents of a description",
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, words []string) error {
			if len(words) == 0 {
				return c.Help()
			}
			return &usage{fmt.Sprintf("gen makes no %q", words[0]), "sabir gen --help lists what it makes"}
		},
	}
	for _, sub := range []*cobra.Command{
		a.genGoCommand(),
		a.genTextCommand("python", "a module of Python: data classes, exceptions, clients and services", `Write a module of Python for a service: its types as data classes, its errors as
exceptions, Client and AsyncClient, and Service and AsyncService to fill in. It
needs the package sabir of bindings/python.`, "_api.py", python.Generate),
		a.genTextCommand("openrpc", "the description as OpenRPC has it", `Write an OpenRPC document, for tools that read one. What rpc.discover answers is the
same for all services of a server.`, ".json", indented(func(s *idl.Service) []byte { return idl.OpenRPC("", "", []*idl.Service{s}) })),
		a.genTextCommand("jsonschema", "its types as a JSON Schema", `Write a JSON Schema whose definitions are the types, MEMBER.params, MEMBER.result,
MEMBER.item and ERROR.params. It reads the same under draft-07 and 2020-12.`, ".json", indented(idl.JSONSchema)),
		a.genTextCommand("markdown", "a manual in Markdown", "Write a manual in Markdown.", ".md", func(s *idl.Service) ([]byte, error) { return manual.Markdown(s) }),
		a.genTextCommand("html", "a manual as a page that stands alone", `Write a manual as one page of HTML that loads nothing else.`, ".html", func(s *idl.Service) ([]byte, error) { return manual.HTML(s) }),
	} {
		sub.DisableFlagsInUseLine = true
		c.AddCommand(sub)
	}
	return c
}

// indented is a maker of JSON for people to read.
func indented(make func(*idl.Service) []byte) func(*idl.Service) ([]byte, error) {
	return func(s *idl.Service) ([]byte, error) {
		var out bytes.Buffer
		err := json.Indent(&out, make(s), "", "  ")
		out.WriteByte('\n')
		return out.Bytes(), err
	}
}

// genTextCommand is a command that writes what make makes of a description.
func (a *app) genTextCommand(what, short, long, ending string, make func(*idl.Service) ([]byte, error)) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: what + " DESCRIPTION", Short: short, Long: long + "\n\n" + sourceHelp,
		Example: "  sabir gen " + what + " lounge > lounge" + ending + "\n  sabir gen " + what + " --to lounge" + ending + " lounge.sabir",
		Args:    takes(1, 1, "DESCRIPTION"), ValidArgsFunction: a.completeSource,
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			if a.json && ending != ".json" {
				return &usage{"gen " + what + " writes text, and --json is not", ""}
			}
			return a.gen(c.Context(), words[0], to, make)
		},
	}
	c.Flags().StringVar(&to, "to", "", "write to `FILE` instead of stdout")
	return c
}

// gen writes what is made of a description, to stdout or into a file.
func (a *app) gen(ctx context.Context, word, to string, make func(*idl.Service) ([]byte, error)) error {
	s, err := a.openSource(ctx, word)
	if err != nil {
		return err
	}
	if faults := s.faults(); len(faults) > 0 {
		return faults
	}
	if s.service.Name == "" {
		return &usage{word + " has no service, only types and errors if anything", "a file begins with: service NAME VERSION"}
	}
	text, err := make(s.service)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", word, err)
	case to != "":
		return replaceFile(to, text)
	case a.outTTY:
		return a.printText(string(text))
	}
	return write(a.out, text)
}

func (a *app) genGoCommand() *cobra.Command {
	var to string
	var opts golang.Options
	c := &cobra.Command{
		Use: "go DESCRIPTION", Short: "a package of Go: types, errors, one interface for client and service",
		Long: `Write a package of Go for a service: its types and errors, an interface API that a
program implements to offer the service and that Client is, NewService and
NewClient. In a file of Go, for go generate:

  //go:generate sabir gen go --to lounge_gen.go lounge.sabir

` + sourceHelp,
		Example: `  sabir gen go --to lounge_gen.go lounge.sabir
  sabir gen go lounge > lounge/lounge_gen.go`,
		Args:              takes(1, 1, "DESCRIPTION"),
		ValidArgsFunction: a.completeSource,
		RunE: func(c *cobra.Command, words []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			if a.json {
				return &usage{"gen go writes Go, and --json is not", ""}
			}
			return a.gen(c.Context(), words[0], to, func(s *idl.Service) ([]byte, error) { return golang.Generate(s, &opts) })
		},
	}
	c.Flags().StringVar(&to, "to", "", "write to `FILE` instead of stdout")
	c.Flags().StringVar(&opts.Package, "package", "", "`NAME` of the package (default: that of the service)")
	return c
}
