package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// admit looks at where a request comes from, before anything else. spec [H1]
func (v *visit) admit() *refusal {
	r := v.r
	if v.visitor.Transport() != "unix" && !v.face.knows(r.Host) {
		return &refusal{status: http.StatusMisdirectedRequest, says: "this server is not called " + clip(r.Host) +
			"; who runs it may add the name: see web.Options.Hosts"}
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if len(r.Header["Origin"]) > 1 {
		return &refusal{status: http.StatusForbidden, says: "one Origin at most"}
	}
	switch {
	case origin != "" && v.face.origins[origin]:
		v.allow(origin)
	case origin != "" && origin != v.own():
		return &refusal{status: http.StatusForbidden, says: "pages of " + clip(origin) +
			" may not call here; who runs this server may allow them: --origin, or web.Options.Origins"}
	case origin == "" && (site == "cross-site" || site == "same-site") && !v.opensPage():
		return &refusal{status: http.StatusForbidden, says: "pages from elsewhere may not call here"}
	}
	return nil
}

// knows reports whether host is one of our names. A name that is an address cannot be made to mean another machine.
func (f *Face) knows(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		name = name[1 : len(name)-1]
	}
	return f.hosts[strings.ToLower(name)] || net.ParseIP(name) != nil
}

// own is the origin of our own pages.
func (v *visit) own() string {
	if v.visitor.Transport() == "tls" {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

// allow tells a browser that pages of origin may read the answer. spec [H3]
func (v *visit) allow(origin string) {
	head := v.w.Header()
	head.Set("Access-Control-Allow-Origin", origin)
	head.Set("Access-Control-Expose-Headers", "Allow, WWW-Authenticate")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	head.Add("Vary", "Origin")
}

// opensPage reports whether a person follows a link to one of our pages, which is the same for everyone.
func (v *visit) opensPage() bool {
	return v.r.Method == http.MethodGet && isPage(v.r.URL.Path) &&
		v.r.Header.Get("Sec-Fetch-Mode") == "navigate" && v.r.Header.Get("Sec-Fetch-Dest") == "document"
}

// options answers what may be sent. spec [H3]
func (v *visit) options() {
	head := v.w.Header()
	allowed := v.methods(strings.TrimPrefix(v.r.URL.Path, "/"))
	head.Set("Allow", allowed)
	if head.Get("Access-Control-Allow-Origin") != "" {
		head.Set("Access-Control-Allow-Methods", allowed)
		head.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID, Prefer, Traceparent")
		head.Set("Access-Control-Max-Age", "600")
	}
	v.visitor.Answered()
	v.end(http.StatusNoContent)
}

// methods are those of a path, the same whether or not there is such a member: who asks is not known.
func (v *visit) methods(path string) string {
	if isPage("/"+path) && path != "" {
		return "GET, HEAD, OPTIONS"
	}
	return "GET, HEAD, POST, OPTIONS"
}

// passedOn reports whether somebody else than who made the connection may have made the request. spec [H2]
func (v *visit) passedOn() bool {
	for name := range v.r.Header {
		switch {
		case name == "Origin", name == "Forwarded", name == "Via", name == "X-Real-Ip", strings.HasPrefix(name, "X-Forwarded-"),
			name == "Authorization":
			return true
		}
	}
	return false
}

// from is for whom a proxy that is believed says that it passes the request on: the last who is no such proxy himself,
// since what others say stands before that, and may be anything. The zero Addr: for who connected.
func (v *visit) from() (from netip.Addr) {
	at, err := netip.ParseAddrPort(v.visitor.RemoteAddr().String())
	if err != nil || !v.face.Believes(at.Addr()) {
		return from
	}
	hops := strings.Split(strings.Join(v.r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		before, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if at, bad := netip.ParseAddrPort(hop); bad == nil {
			before, err = at.Addr(), nil
		}
		if err != nil {
			return from
		}
		if from = before.Unmap().WithZone(""); !v.face.Believes(from) {
			return from
		}
	}
	return from
}

// Believes reports whether a proxy at an address is to be believed: it is for package sabir. What is on this machine
// could say anything anyway.
func (f *Face) Believes(at netip.Addr) bool {
	at = at.Unmap().WithZone("")
	return at.IsLoopback() || slices.ContainsFunc(f.proxies, func(p netip.Prefix) bool { return p.Contains(at) })
}

// bearer is what the request shows; ok is false if it shows something else.
func (v *visit) bearer() (token string, ok bool) {
	shown := v.r.Header["Authorization"]
	if len(shown) == 0 {
		return "", true
	}
	scheme, token, _ := strings.Cut(shown[0], " ")
	token = strings.TrimSpace(token)
	return token, len(shown) == 1 && strings.EqualFold(scheme, "bearer") && token != ""
}
