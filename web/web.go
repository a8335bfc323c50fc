// Package web lets browsers, curl and whatever else speaks HTTP/1.1 call the services of a server, on the ports that
// it has anyway.
//
// A [Face] goes into [sabir.ServeOptions]. It answers requests, server-sent events and WebSockets, and shows a page
// about the services. Who may is decided as everywhere: by the kernel on unix sockets, by a credential over TCP, shown
// as a bearer. Names in Host and origins that nobody allowed are refused before that, because a browser sends whatever
// a page of somebody else tells it to. spec/http.md
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
)

// What a visitor has time and room for. spec [H13]
const (
	headTime  = 5 * time.Second
	bodyTime  = 30 * time.Second
	writeTime = 10 * time.Second
	idleTime  = 75 * time.Second // above the minute that proxies keep theirs
	maxHead   = 16 << 10
	maxCheap  = 4 << 10 // of a body that will be refused
)

// Options are the rare wishes; nil and zero mean the default.
type Options struct {
	// Origins are those of pages elsewhere that may call, such as
	// http://localhost:5173 of a development server, or https://lounge.example of
	// a proxy before this one. Default: only pages that come from here.
	Origins []string

	// Hosts are names by which this server is reached, besides localhost, IP
	// addresses and the names in Origins. Default: none.
	Hosts []string

	// Proxies are where proxies before this server come from, besides this machine:
	// whom they name in X-Forwarded-For is kept out for failing in their place. Each
	// has to be one that sets or extends it. Default: none.
	Proxies []netip.Prefix
}

// Face answers in HTTP. It may serve any number of servers.
type Face struct {
	origins map[string]bool
	hosts   map[string]bool
	proxies []netip.Prefix
}

// OptionError says what is wrong with one of the [Options].
type OptionError struct{ Option, Value, Reason string }

func (e *OptionError) Error() string {
	return fmt.Sprintf("web: %s %q: %s", e.Option, e.Value, e.Reason)
}

// New makes a face. Errors are an [*OptionError].
func New(opts *Options) (*Face, error) {
	f := &Face{origins: make(map[string]bool), hosts: map[string]bool{"localhost": true}}
	if opts == nil {
		return f, nil
	}
	for _, from := range opts.Proxies {
		if !from.IsValid() {
			return nil, &OptionError{"trust-proxy", from.String(), "expected an address, or a prefix of addresses"}
		}
		f.proxies = append(f.proxies, from.Masked())
	}
	for _, host := range opts.Hosts {
		if host == "" || strings.ContainsAny(host, ":/?#@ ") {
			return nil, &OptionError{"host", host, "expected a name, without scheme and port"}
		}
		f.hosts[strings.ToLower(host)] = true
	}
	for _, text := range opts.Origins {
		u, err := url.Parse(strings.ToLower(text))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != strings.ToLower(text) {
			return nil, &OptionError{"origin", text, "expected http://name:port or https://name, without a path"}
		}
		if own := map[string]string{"http": "80", "https": "443"}; u.Port() == own[u.Scheme] {
			u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) // as browsers do
		}
		f.origins[u.Scheme+"://"+u.Host] = true
		f.hosts[u.Hostname()] = true
	}
	return f, nil
}

type visitorKey struct{}

// Serve answers the visitors of a server: it is for package sabir.
func (f *Face) Serve(ctx context.Context, door *sabir.Door) {
	base, cancelAll := context.WithCancel(door.Base())
	defer cancelAll()
	h := &house{face: f, door: door, base: base}
	server := &http.Server{
		Handler:                      h,
		ReadHeaderTimeout:            headTime,
		IdleTimeout:                  idleTime,
		MaxHeaderBytes:               maxHead - 4<<10, // net/http adds as much
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(door.Log().Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, visitorKey{}, conn)
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(door) // ends when the door is closed, and says nothing else
	}()
	<-ctx.Done()
	if !shut(server, door.Grace()) {
		cancelAll()
		if !shut(server, time.Second) { // for the answers of those who were cancelled
			server.Close()
		}
	}
	<-served
}

// shut waits for those that are being answered; false: the time did not do.
func shut(server *http.Server, most time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	return server.Shutdown(ctx) == nil
}

// house is a face before one server.
type house struct {
	face *Face
	door *sabir.Door
	base context.Context // ends when nobody is waited for any more

	mu    sync.Mutex
	said  []*idl.Service // of which members is made
	known description
}

// describe returns what is offered now: of a hub it changes.
func (h *house) describe() description {
	now := h.door.Describe()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || !slices.Equal(now, h.said) {
		h.said, h.known = now, describe(now)
	}
	return h.known
}

// visit is one request and its answer.
type visit struct {
	*house
	w       http.ResponseWriter
	r       *http.Request
	visitor *sabir.Visitor
	held    int // bytes of the body that count for the caller
}

// ServeHTTP answers one request.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := &visit{house: h, w: w, r: r, visitor: r.Context().Value(visitorKey{}).(*sabir.Visitor)}
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	if len(r.TransferEncoding) > 0 {
		// The head may have had a length as well, which net/http drops: what follows is then not what a proxy before
		// us took for the next request.
		head.Set("Connection", "close")
	}
	if refused := v.admit(); refused != nil {
		v.refuse(refused)
		return
	}
	if err := v.visitor.PassedOn(v.from(), upgrades(r) && r.Header["Authorization"] == nil); err != nil {
		v.fail(err)
		return
	}
	defer func() { v.visitor.Hold(-v.held) }()
	v.route()
}

// route finds what is asked for.
func (v *visit) route() {
	path := v.r.URL.Path
	switch {
	case v.r.Method == http.MethodOptions:
		v.options()
	case path == "/" && upgrades(v.r):
		v.socket()
	case path == "/" && v.r.Method == http.MethodPost:
		v.message()
	case isPage(path):
		v.page()
	default:
		v.member(strings.TrimPrefix(path, "/"))
	}
}
