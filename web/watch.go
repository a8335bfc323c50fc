package web

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// What keeps a client's WebSocket, on which nobody may have anything to say. Proxies end what is silent for a minute.
// spec [H14]
const (
	silence  = 10 * time.Second // of which there may be nearly two before the server is asked whether it is there
	patience = 20 * time.Second // for anything to come then
	slowest  = 10_000           // bytes a second, at which what was sent before may be on its way still
)

// watched is a connection of which it is known whether anything comes.
type watched struct {
	net.Conn
	reads  atomic.Int64  // that had something
	sent   atomic.Int64  // bytes since the last of them
	ended  atomic.Bool   // a read has failed
	silent atomic.Bool   // it was ended because nothing came
	left   chan struct{} // closed when nobody watches any more
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.reads.Add(1)
		w.sent.Store(0)
	}
	if err != nil {
		w.ended.Store(true)
	}
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// watch pings a server that is silent, and ends the connection if it stays so. Pongs may come late, behind much else:
// anything that comes is a sign of life. So may the ping, behind a large message on a slow line.
func (f *frames) watch() {
	defer close(f.watched.left)
	tick := time.NewTicker(silence)
	defer tick.Stop()
	seen := f.watched.reads.Load()
	for {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		if now := f.watched.reads.Load(); now != seen {
			seen = now
			continue
		}
		ctx, cancel := context.WithTimeout(f.ctx, patience+time.Duration(f.watched.sent.Load()/slowest)*time.Second)
		err := f.ws.Ping(ctx)
		cancel()
		if err != nil && f.ctx.Err() == nil && f.watched.reads.Load() == seen {
			f.watched.silent.Store(true)
			f.watched.Close()
			return
		}
		seen = f.watched.reads.Load()
	}
}

var (
	errBroke  = errors.New("websocket: the connection broke")
	errSilent = errors.New("websocket: nothing came any more, no answer to a ping either")
)
