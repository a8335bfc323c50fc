// Command mpd has an MPD and clients of it.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/sabir-ipc/sabir/bench/load"
)

// MPD answers with a struct of its own: the twenty lines of `status`.
func main() { load.Main(load.Peer{Name: "mpd", Serve: serve, Dial: dial}) }

const config = `music_directory "%[1]s"
playlist_directory "%[1]s"
db_file "%[1]s/mpd.db"
bind_to_address "%[2]s"
max_connections "20000"
auto_update "no"
audio_output {
	type "null"
	name "null"
}
`

func serve(path string) error {
	dir := filepath.Dir(path)
	if err := os.WriteFile(path+".conf", fmt.Appendf(nil, config, dir, path), 0o644); err != nil {
		return err
	}
	if err := load.StartChild("mpd", "--no-daemon", path+".conf"); err != nil {
		return err
	}
	select {} // until stdin closes
}

type client struct {
	net.Conn
	r *bufio.Reader
	load.Unsubscribable
}

func dial(path string) (load.Client, error) {
	c, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	x := &client{Conn: c, r: bufio.NewReader(c)}
	if hello, err := x.r.ReadString('\n'); err != nil || !strings.HasPrefix(hello, "OK MPD ") {
		c.Close()
		return nil, errors.Join(err, fmt.Errorf("no MPD: %q", hello))
	}
	return x, nil
}

// status takes one answer apart, as a client would.
func (x *client) status() error {
	fields := make(map[string]string, 32)
	for {
		l, err := x.r.ReadString('\n')
		if err != nil {
			return err
		}
		l = strings.TrimSuffix(l, "\n")
		switch key, value, ok := strings.Cut(l, ": "); {
		case l == "OK":
			if fields["state"] == "" {
				return load.ErrEcho
			}
			return nil
		case strings.HasPrefix(l, "ACK "):
			return errors.New(l)
		case ok:
			fields[key] = value
		}
	}
}

func (x *client) Echo(in *load.Msg) (load.Msg, error) {
	if _, err := x.Write([]byte("status\n")); err != nil {
		return load.Msg{}, err
	}
	return *in, x.status()
}

func (x *client) Window(depth int, n *atomic.Int64, stop *atomic.Bool) error {
	for flying := 0; !stop.Load(); {
		if _, err := x.Write([]byte(strings.Repeat("status\n", depth-flying))); err != nil {
			return err
		}
		flying = depth
		for more := true; more; more = flying > 0 && x.r.Buffered() > 0 {
			if err := x.status(); err != nil {
				return err
			}
			flying--
			n.Add(1)
		}
	}
	return nil
}

func (x *client) EchoBytes([]byte) ([]byte, error) { return nil, errors.ErrUnsupported }
