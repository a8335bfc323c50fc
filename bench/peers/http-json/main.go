// Command http-json has a server of HTTP/1.1 over the unix socket, as people write it
// with the standard library, and a client that this server and Sabir's share.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() {
	load.Main(
		load.Peer{Name: "http-json", Serve: serve, Dial: dial("/echo")},
		load.Peer{Name: "sabir-post", Dial: dial("/bench.echo")},
	)
}

func serve(path string) error {
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
}

func dial(at string) func(path string) (load.Client, error) {
	return func(path string) (load.Client, error) {
		return &poster{client: overUnix(path), url: "http://bench" + at}, nil
	}
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
	load.Unsubscribable
	client *http.Client
	url    string
}

func (p *poster) Echo(in *load.Msg) (out load.Msg, err error) {
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
