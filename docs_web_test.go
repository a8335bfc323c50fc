package sabir_test

import (
	"net"
	"strings"
	"testing"
)

// docPorts gives the commands of a page a port of their own in place of 7224: somebody else may try the page as well.
func docPorts(t *testing.T) *strings.Replacer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return strings.NewReplacer("7224", port)
}

// docKinds are the languages whose blocks are compared with the files of examples/, by their extension. What nginx and
// Caddy make of theirs is tried in web/proxy_test.go, and the page in conformance/browser.
var docKinds = map[string]string{"sabir": ".sabir", "html": ".html", "nginx": ".conf", "caddy": ".caddy"}
