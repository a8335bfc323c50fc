package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/sabir-ipc/sabir"
)

// fault says what came instead of a WebSocket.
func (d *dialled) fault(answer *http.Response, err error) error {
	var asked *url.Error
	switch {
	case answer == nil && errors.As(err, &asked):
		return d.unanswered(asked.Err)
	case answer == nil:
		return fmt.Errorf("%s: %w", d.HostPort, err)
	case answer.StatusCode == http.StatusSwitchingProtocols:
		return d.failed(0, "what is there speaks no WebSocket as it should: "+lastWords(err), "")
	}
	return d.refused(answer)
}

// unanswered is where there was no answer of HTTP.
func (d *dialled) unanswered(err error) error {
	var op *net.OpError
	switch text := err.Error(); {
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s: speaks no TLS", d.HostPort)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%s: closed the connection without an answer", d.HostPort)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", d.HostPort, op.Err)
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "server response headers exceeded"):
		return d.failed(0, "speaks no HTTP: "+lastWords(err), "")
	}
	return err
}

func (d *dialled) failed(status int, reason, advice string) error {
	return &sabir.UpgradeError{HostPort: d.HostPort, Status: status, Reason: reason, Advice: advice}
}

// refused is an answer of HTTP, of a service or of somebody else.
func (d *dialled) refused(answer *http.Response) error {
	body, _ := io.ReadAll(answer.Body) // the library has read a little of it
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	status := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	said := errorOf(body)
	code := answer.StatusCode
	switch {
	case said != nil && code == http.StatusUnauthorized:
		said.Message = d.HostPort + " does not let us in: the token is unknown, revoked or expired"
		return said
	case said != nil && code == http.StatusMisdirectedRequest:
		return d.failed(code, "a Sabir service that does not go by this name", "who runs it says so: --host NAME, or --origin https://NAME behind a proxy")
	case said != nil && code == http.StatusNotFound:
		return d.failed(code, "a Sabir service, which has no WebSocket at this path", "it is at /: "+d.root())
	case said != nil:
		return d.failed(code, "a Sabir service refuses: "+said.Message, "")
	case code >= 300 && code < 400:
		return d.failed(code, status+", which leads to "+clip(answer.Header.Get("Location")), "give the address that it leads to, if that is to have the token")
	case code == http.StatusUnauthorized:
		return d.failed(code, status+" of something before the service, which wants another login: "+clip(answer.Header.Get("WWW-Authenticate")),
			"the proxy has to leave Authorization to the service")
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return d.failed(code, status+": a proxy is there, and the service behind it is not", "start the service again, or look at the proxy's log")
	case code == http.StatusBadRequest || code == http.StatusUpgradeRequired || code == http.StatusOK && kind == "text/html":
		return d.failed(code, status+" and no WebSocket"+contents(kind), "is that the path of a Sabir service? A proxy has to pass on Upgrade and Connection")
	}
	return d.failed(code, status+" and no WebSocket"+contents(kind), "is that the path of a Sabir service?")
}

func contents(kind string) string {
	switch kind {
	case "":
		return ""
	case "text/html":
		return ", but a page"
	}
	return ", but " + clip(kind)
}

// root is where a service has its WebSocket if there is no proxy before it.
func (d *dialled) root() string {
	u, err := url.Parse(d.URL)
	if err != nil { // cannot be
		return d.URL
	}
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	u.Path = "/"
	return u.String()
}

// lastWords are what an error has after those that say where it was.
func lastWords(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return clip(text)
}

// errorOf reads the error of a service; nil: it is none.
func errorOf(body []byte) *sabir.Error {
	var e struct {
		Code    int
		Message string
		Data    struct{ Name string }
	}
	if json.Unmarshal(body, &e) != nil || !strings.HasPrefix(e.Data.Name, "rpc.") {
		return nil
	}
	return &sabir.Error{Code: e.Code, Name: e.Data.Name, Message: e.Message}
}
