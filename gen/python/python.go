// Package python writes a description as a Python module: data classes,
// exceptions, and clients and services, blocking and for asyncio, over the
// package sabir of bindings/python.
//
// The tree becomes a view, in which everything is named and written as Python
// already, and the view fills a template that looks like what comes out.
package python

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"github.com/sabir-ipc/sabir/idl"
)

//go:embed py.tmpl
var text string

var page = template.Must(template.New("python").Parse(text))

// Generate returns a module of Python for a service that has passed [idl.Check].
// The same tree gives the same text.
func Generate(s *idl.Service) ([]byte, error) {
	if s.Name == "" || s.Name == "rpc" {
		return nil, fmt.Errorf("generate Python: a description with a service is needed, not %q", s.Name)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, newView(s)); err != nil {
		return nil, fmt.Errorf("generate Python: %w", err)
	}
	return out.Bytes(), nil
}
