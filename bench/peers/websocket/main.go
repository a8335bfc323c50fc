// Command websocket has clients of Sabir's WebSocket; the server is in the program web.
package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
	"github.com/sabir-ipc/sabir/transport"
)

func main() { load.Main(load.Peer{Name: "sabir-websocket", Dial: dial}) }

// dial is Sabir's own client with a WebSocket below.
func dial(path string) (load.Client, error) {
	ws, _, err := websocket.Dial(context.Background(), "ws://bench/", &websocket.DialOptions{HTTPClient: overUnix(path)})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	c := sabir.NewClient(transport.NewConn(&lines{ws: ws}, transport.Peer{Transport: "unix"}), &sabir.DialOptions{Limits: service.Limits, Log: slog.New(slog.DiscardHandler)})
	return &service.Client{Client: c}, nil
}

func overUnix(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// lines shows the messages of a WebSocket as lines.
type lines struct {
	ws *websocket.Conn
	in []byte
}

func (l *lines) Read(p []byte) (int, error) {
	if len(l.in) == 0 {
		_, message, err := l.ws.Read(context.Background())
		if err != nil {
			return 0, err
		}
		l.in = append(message, '\n')
	}
	n := copy(p, l.in)
	l.in = l.in[n:]
	return n, nil
}

// Write is given whole lines: what bench sends is short.
func (l *lines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if err := l.ws.Write(context.Background(), websocket.MessageText, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (l *lines) Close() error { return l.ws.CloseNow() }
