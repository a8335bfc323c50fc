package sabir_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

var updateAPI = flag.Bool("update-api", false, "rewrite api.txt")

const apiFile = "api.txt"

// api.txt is what users of the root package rely on, one line for each exported name, so that a change of it is seen.
func TestAPI(t *testing.T) {
	if len(rootFiles(t)) == 0 {
		t.Log("no root package yet")
		return
	}
	lines := exported(t, ".")
	if *updateAPI {
		if err := os.WriteFile(apiFile, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(apiFile)
	if err != nil {
		t.Fatalf("%v; make it with: go test -run TestAPI -update-api .", err)
	}
	was := strings.Split(strings.TrimSpace(string(golden)), "\n")
	for _, line := range was {
		if !slices.Contains(lines, line) {
			t.Errorf("gone from the API: %s", line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(was, line) {
			t.Errorf("new in the API: %s", line)
		}
	}
	if t.Failed() {
		t.Log("if this is meant: go test -run TestAPI -update-api .")
	}
	t.Logf("checked %d lines", len(lines))
}

// exported lists the exported declarations of the package in dir, sorted, one a line.
func exported(t *testing.T, dir string) []string {
	t.Helper()
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	list := apiList{files: token.NewFileSet()}
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(list.files, dir+"/"+name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				list.function(d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					list.spec(d.Tok, spec)
				}
			}
		}
	}
	slices.Sort(list.lines)
	return slices.Compact(list.lines)
}

type apiList struct {
	files *token.FileSet
	lines []string
}

func (l *apiList) add(words ...string) {
	l.lines = append(l.lines, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
}

// text prints a node on one line.
func (l *apiList) text(node any) string {
	var out bytes.Buffer
	if err := printer.Fprint(&out, l.files, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

func (l *apiList) function(d *ast.FuncDecl) {
	if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d.Recv.List[0].Type)) {
		return
	}
	head := *d
	head.Doc, head.Body = nil, nil
	l.add(l.text(&head))
}

// receiver is the name of the type of a method.
func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func (l *apiList) spec(kind token.Token, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && s.Type != nil {
				l.add(kind.String(), name.Name, l.text(s.Type))
			} else if name.IsExported() {
				l.add(kind.String(), name.Name)
			}
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			l.typ(s)
		}
	}
}

// typ adds a type, and each exported field or method of a struct or an interface on a line of its own.
func (l *apiList) typ(s *ast.TypeSpec) {
	name, parameters, equals := s.Name.Name, "", ""
	if s.Assign.IsValid() {
		equals = "="
	}
	if s.TypeParams != nil {
		var each []string
		for _, field := range s.TypeParams.List {
			for _, parameter := range field.Names {
				each = append(each, parameter.Name+" "+l.text(field.Type))
			}
		}
		parameters = "[" + strings.Join(each, ", ") + "]"
	}
	switch body := s.Type.(type) {
	case *ast.StructType:
		l.add("type", name+parameters, equals, "struct")
		l.members(name, body.Fields)
	case *ast.InterfaceType:
		l.add("type", name+parameters, equals, "interface")
		l.members(name, body.Methods)
	default:
		l.add("type", name+parameters, equals, l.text(body))
	}
}

func (l *apiList) members(owner string, fields *ast.FieldList) {
	for _, field := range fields.List {
		text := l.text(field.Type)
		if len(field.Names) == 0 && (strings.ContainsAny(text, "|~") || ast.IsExported(receiver(field.Type))) {
			l.add("type", owner+",", "embedded", text)
		}
		for _, name := range field.Names {
			if !name.IsExported() {
				continue
			}
			if isMethod(field) {
				l.add("type", owner+",", name.Name+strings.TrimPrefix(text, "func"))
			} else {
				l.add("type", owner+",", name.Name, text)
			}
		}
	}
}

// isMethod tells a method of an interface from a field of function type: the parser gives only the latter a func keyword.
func isMethod(field *ast.Field) bool {
	f, ok := field.Type.(*ast.FuncType)
	return ok && !f.Func.IsValid()
}
