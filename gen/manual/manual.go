// Package manual writes descriptions for people: a page of HTML that stands
// alone, or Markdown.
//
// The tree becomes a view, in which all that is to be said is said already, and
// the view fills a template that looks like what comes out.
package manual

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"regexp"
	"strings"
	"sync"
	text "text/template"

	"github.com/sabir-ipc/sabir/idl"
)

var (
	//go:embed html.tmpl
	htmlText string
	//go:embed markdown.tmpl
	markdownText string
	//go:embed manual.css
	style string

	page = sync.OnceValue(func() *template.Template {
		return template.Must(template.New("html").Parse(htmlText))
	})
	paper = sync.OnceValue(func() *text.Template {
		return text.Must(text.New("markdown").Funcs(text.FuncMap{"escape": escape, "code": code, "plain": plainText, "join": strings.Join, "cell": cell}).Parse(markdownText))
	})
)

// gaps are what parts of a template that say nothing leave behind.
var gaps = regexp.MustCompile(`\n{3,}`)

// HTML returns one page about the services, in UTF-8. It loads nothing, runs no
// script, and is for phones and paper as well. What a description says is shown
// as text, whoever wrote it; a kind of member or type that is not known is shown
// by its name.
func HTML(services ...*idl.Service) ([]byte, error) {
	return fill(page(), services)
}

// Markdown returns the same for whoever reads Markdown as GitHub does. The
// services have to pass [idl.Check]: there is no escape for names.
func Markdown(services ...*idl.Service) ([]byte, error) {
	text, err := fill(paper(), services)
	return gaps.ReplaceAll(text, []byte("\n\n")), err
}

// StyleSource is what a Content-Security-Policy says in style-src to let a page
// of HTML have its style, and nothing else.
func StyleSource() string { return sourceOf([]byte(style)) }

func sourceOf(style []byte) string {
	sum := sha256.Sum256(style)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// fill is for both kinds of template.
func fill(t interface{ Execute(io.Writer, any) error }, services []*idl.Service) ([]byte, error) {
	var out bytes.Buffer
	err := t.Execute(&out, newView(services))
	return out.Bytes(), err
}
