package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"github.com/sabir-ipc/sabir"
)

// Dial makes the WebSockets of clients: it goes into [sabir.DialOptions] as Web, for ws:, wss:, http: and https:
// addresses. https: URLs are reached through the proxy that $HTTPS_PROXY and $NO_PROXY name, if any. Errors are a
// [*sabir.UpgradeError], an [*sabir.Error] of the service, and those of u.Dial and u.TLS.
func Dial(ctx context.Context, u *sabir.Upgrade) (io.ReadWriteCloser, error) {
	d := &dialled{Upgrade: u, ctx: ctx}
	road := &http.Transport{
		DialContext: d.dial, DialTLSContext: d.dialTLS, MaxResponseHeaderBytes: maxHead,
		DisableKeepAlives: true, DisableCompression: true,
	}
	head := http.Header{"User-Agent": {"sabir"}}
	if token := u.Bearer.Reveal(); token != "" {
		head.Set("Authorization", "Bearer "+token)
	}
	defer context.AfterFunc(ctx, d.giveUp)() // the library may read what was answered for longer
	ws, answer, err := websocket.Dial(ctx, u.URL, &websocket.DialOptions{
		HTTPHeader: head, CompressionMode: websocket.CompressionDisabled,
		HTTPClient: &http.Client{Transport: road, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // where it leads to nobody has trusted with the bearer
		}},
	})
	if err != nil {
		d.giveUp()
		return nil, d.fault(answer, err)
	}
	f := newFrames(context.Background(), ws, d.conn, u.Message)
	f.watched, f.kind = d.conn, websocket.MessageText
	if u.CBOR {
		f.kind = websocket.MessageBinary
	}
	f.sends.Store(int32(f.kind))
	go f.watch()
	return f, nil
}

// dialled is a connection that is being made, by a goroutine of net/http that outlasts whoever has no time for it.
type dialled struct {
	*sabir.Upgrade
	ctx context.Context // net/http has one of its own for dial

	mu   sync.Mutex
	conn *watched
	over bool
}

func (d *dialled) dial(_ context.Context, _, hostPort string) (net.Conn, error) {
	conn, err := d.Dial(d.ctx, hostPort)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		conn.Close()
		return nil, net.ErrClosed
	}
	d.conn = &watched{Conn: conn, left: make(chan struct{})}
	return d.conn, nil
}

// dialTLS does what net/http would, but that it offers a server no http/1.1 where it is about to ask for a WebSocket.
func (d *dialled) dialTLS(ctx context.Context, network, hostPort string) (net.Conn, error) {
	through, err := proxyFor(hostPort)
	if err != nil {
		return nil, err
	}
	first := hostPort
	if through != nil {
		first = through.hostPort()
	}
	conn, err := d.dial(ctx, network, first)
	if err == nil && through != nil {
		err = through.connect(d.ctx, conn, hostPort)
	}
	switch {
	case err != nil && through != nil:
		return nil, fmt.Errorf("the proxy of $HTTPS_PROXY: %w", err)
	case err != nil:
		return nil, err
	}
	secure := tls.Client(conn, d.TLS)
	if err := secure.HandshakeContext(d.ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

// giveUp ends whatever is still going on.
func (d *dialled) giveUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.conn != nil {
		d.conn.Close()
	}
}
