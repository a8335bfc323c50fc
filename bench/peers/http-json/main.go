package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/sabir-ipc/sabir/web"
)

// HTTP/1.1 over the unix socket: Sabir's by POST and by WebSocket, and what people write with the standard library. The
// two that answer a POST have the same client.

var (
	sabirPost = &peer{
		name: "sabir-post", note: "this project by POST, all checks on", apart: true,
		works: []string{"unary", "flight"}, serve: serveSabirHTTP,
		dial: func(path string) (client, error) { return newPoster(path, "/bench.echo"), nil },
	}
	sabirSocket = &peer{
		name: "sabir-websocket", note: "this project over a WebSocket, in JSON, all checks on", apart: true,
		works: []string{"unary", "flight", "sub1"}, serve: serveSabirHTTP, dial: dialSocket,
	}
	httpJSON = &peer{
		name: "http-json", note: "net/http and encoding/json of the standard library", apart: true,
		works: []string{"unary", "flight"},
		serve: func(path string) error {
			l, err := net.Listen("unix", path)
			if err != nil {
				return err
			}
			return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var m jsonMsg
				if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode(&m)
			}))
		},
		dial: func(path string) (client, error) { return newPoster(path, "/echo"), nil },
	}
)

func serveSabirHTTP(path string) error {
	face, err := web.New(nil)
	if err != nil {
		return err
	}
	return sabir.ListenAndServe(context.Background(), path, benchService(0),
		&sabir.ServeOptions{Limits: sabirLimits, Log: slog.New(slog.DiscardHandler), HTTP: face})
}

func overUnix(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 1024, // or those in flight would each dial anew
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}}
}

// jsonMsg is Msg with the names that both servers have.
type jsonMsg struct {
	URI      string   `json:"uri"`
	Title    string   `json:"title"`
	Position int      `json:"position"`
	Volume   float64  `json:"volume"`
	Tags     []string `json:"tags"`
}

type poster struct {
	unsubscribable
	client *http.Client
	url    string
}

func newPoster(path, at string) *poster {
	return &poster{client: overUnix(path), url: "http://bench" + at}
}

func (p *poster) Echo(in *Msg) (out Msg, err error) {
	body, err := json.Marshal((*jsonMsg)(in))
	if err != nil {
		return out, err
	}
	answer, err := p.client.Post(p.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, (*jsonMsg)(&out))
	}
	return out, err
}

func (p *poster) EchoBytes([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }

func (p *poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// dialSocket is Sabir's own client with a WebSocket below.
func dialSocket(path string) (client, error) {
	ws, _, err := websocket.Dial(context.Background(), "ws://bench/", &websocket.DialOptions{HTTPClient: overUnix(path)})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	c := sabir.NewClient(transport.NewConn(&lines{ws: ws}, transport.Peer{Transport: "unix"}), &sabir.DialOptions{Limits: sabirLimits, Log: slog.New(slog.DiscardHandler)})
	return &sabirClient{Client: c}, nil
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
