package web

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// proxy is one of HTTP, on the way out of a network, that passes on what it cannot read.
type proxy struct{ at *url.URL }

// proxyFor is the one that $HTTPS_PROXY names for a server, unless $NO_PROXY has it or it is on this machine; nil: none.
func proxyFor(hostPort string) (*proxy, error) {
	at, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: hostPort}})
	switch {
	case err != nil:
		return nil, fmt.Errorf("$HTTPS_PROXY: %w", err)
	case at == nil:
		return nil, nil
	case at.Scheme != "http":
		return nil, fmt.Errorf("$HTTPS_PROXY names a proxy %s://%s, and only http: ones are gone through", at.Scheme, at.Host)
	}
	return &proxy{at}, nil
}

func (p *proxy) hostPort() string {
	if p.at.Port() == "" {
		return net.JoinHostPort(p.at.Hostname(), "80")
	}
	return p.at.Host
}

// connect has the proxy pass on all that follows to hostPort.
func (p *proxy) connect(ctx context.Context, conn net.Conn, hostPort string) error {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	head := ""
	if user := p.at.User; user != nil {
		password, _ := user.Password()
		head = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\nUser-Agent: sabir\r\n%s\r\n", hostPort, head); err != nil {
		return p.failed(err)
	}
	// Nothing of what follows is taken: a server says nothing before it is spoken to.
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxHead)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return p.failed(err)
	}
	if answer.StatusCode != http.StatusOK {
		return p.failed(fmt.Errorf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	}
	return nil
}

func (p *proxy) failed(err error) error { return fmt.Errorf("%s: %w", p.hostPort(), err) }
