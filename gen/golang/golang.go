// Package golang writes a description as a Go package: types, errors, one
// interface for both sides, a client and a service.
//
// The tree becomes a view, in which everything is named and written as Go
// already, and the view fills a template that looks like what comes out.
package golang

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"go/token"
	"strings"
	"text/template"

	"github.com/sabir-ipc/sabir/idl"
)

// Options are rare wishes; nil and zero mean the default.
type Options struct {
	Package string // default: the service's name, without underscores
}

//go:embed go.tmpl
var text string

var page = template.Must(template.New("go").Parse(text))

// Generate returns a file of Go for a service that has passed [idl.Check]. The
// same tree gives the same text.
func Generate(s *idl.Service, opts *Options) ([]byte, error) {
	if s.Name == "" || s.Name == "rpc" {
		return nil, fmt.Errorf("generate Go: a description with a service is needed, not %q", s.Name)
	}
	name := ""
	if opts != nil {
		name = opts.Package
	}
	if name == "" {
		name = strings.ReplaceAll(s.Name, "_", "")
	}
	if name == "main" || token.IsKeyword(name) {
		name += "api"
	}
	if !token.IsIdentifier(name) {
		return nil, fmt.Errorf("generate Go: %q is no name of a package", name)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, newView(s, name)); err != nil {
		return nil, fmt.Errorf("generate Go: %w", err)
	}
	code, err := format.Source(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("generate Go: %w in\n%s", err, out.Bytes())
	}
	return code, nil
}
