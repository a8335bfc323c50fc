package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"time"
)

// policy lets a page load what comes from here and nothing else, and nobody frame it. spec [H12]
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed pages
var pages embed.FS

// pageFiles are the paths that everybody may have, with what they are.
var pageFiles = map[string]struct{ file, kind string }{
	"/":            {"index.html", "text/html; charset=utf-8"},
	"/docs":        {"index.html", "text/html; charset=utf-8"},
	"/page.js":     {"page.js", "text/javascript; charset=utf-8"},
	"/describe.js": {"describe.js", "text/javascript; charset=utf-8"},
	"/lines.js":    {"lines.js", "text/javascript; charset=utf-8"},
	"/page.css":    {"page.css", "text/css; charset=utf-8"},
	"/sabir.js":    {"sabir.js", "text/javascript; charset=utf-8"},
	"/sabir.d.ts":  {"sabir.d.ts", "text/plain; charset=utf-8"},
}

func isPage(path string) bool {
	_, ok := pageFiles[path]
	return ok
}

// page answers with a file. spec [H12]
func (v *visit) page() {
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		v.refuse(&refusal{status: http.StatusMethodNotAllowed, says: "this is a page", allow: "GET, HEAD, OPTIONS"})
		return
	}
	page := pageFiles[v.r.URL.Path]
	data, err := pages.ReadFile("pages/" + page.file)
	if err != nil { // cannot be
		v.fail(err)
		return
	}
	sum := sha256.Sum256(data)
	head := v.w.Header()
	head.Set("Cache-Control", "no-cache")
	head.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	head.Set("Content-Type", page.kind)
	head.Set("Content-Security-Policy", policy)
	head.Set("X-Frame-Options", "DENY")
	v.visitor.Answered()
	if !v.visitor.Known() {
		head.Set("Connection", "close")
	}
	http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(writeTime))
	http.ServeContent(v.w, v.r, "", time.Time{}, bytes.NewReader(data))
}
