package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

// What passes through something in between: our hub, and what is the least that
// a program in between can do. Each has its service as a process of its own.

// raw2Peer copies bytes, a connection to the service for each of a client.
var raw2Peer = &peer{
	name: "raw2", apart: true,
	note:  "a forwarder that copies bytes to a raw socket: a connection for each client",
	works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle"},
	dial:  rawPeer.dial,
	serve: func(path string) error {
		if err := startBehind(rawPeer.name, path); err != nil {
			return err
		}
		return acceptEach(path, func(near net.Conn) {
			far, err := net.Dial("unix", path+".service")
			if err != nil {
				near.Close()
				return
			}
			go copyThrough(far, near)
			copyThrough(near, far)
		})
	},
}

func copyThrough(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// raw2fPeer reads frames and gives each an id, since all clients share the one
// connection to the service, as a hub's do.
var raw2fPeer = &peer{
	name: "raw2f", apart: true,
	note:  "a forwarder that reads frames and rewrites ids: one connection to a raw socket for all clients",
	works: []string{"unary", "flight", "blob", "idle"},
	dial:  rawPeer.dial,
	serve: func(path string) error {
		if err := startBehind(rawPeer.name, path); err != nil {
			return err
		}
		c, err := net.Dial("unix", path+".service")
		if err != nil {
			return err
		}
		f := &rawForwarder{far: newRaw(c), callers: make(map[uint32]*rawCaller)}
		go f.back()
		return acceptEach(path, f.there)
	},
}

type rawForwarder struct {
	far *rawConn

	mu      sync.Mutex // guards writing to far, and what follows
	next    uint32
	callers map[uint32]*rawCaller
}

// rawCaller is a client whose answers are written by who reads them.
type rawCaller struct {
	mu sync.Mutex
	*rawConn
}

// there passes what a client sends; what came together leaves together.
func (f *rawForwarder) there(near net.Conn) {
	c := &rawCaller{rawConn: newRaw(near)}
	defer near.Close()
	var b []byte
	for {
		op, body, err := c.read()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.next++
		f.callers[f.next] = c
		b = append(binary.LittleEndian.AppendUint32(b[:0], f.next), body...)
		err = f.far.write(op, b)
		if err == nil && c.r.Buffered() == 0 {
			err = f.far.w.Flush()
		}
		f.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (f *rawForwarder) back() error {
	for {
		op, b, err := f.far.read()
		if err != nil {
			return err
		}
		id := binary.LittleEndian.Uint32(b)
		f.mu.Lock()
		c := f.callers[id]
		delete(f.callers, id)
		f.mu.Unlock()
		c.mu.Lock()
		c.write(op, b[4:])
		if f.far.r.Buffered() == 0 {
			c.w.Flush()
		}
		c.mu.Unlock()
	}
}

// sabirHub is our hub with the service of the other works offered to it.
func sabirHub(name string, cbor bool) *peer {
	return &peer{
		name: name, apart: true,
		note:  "sabir hub, all checks on, the service in CBOR",
		works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle", "beside"},
		serve: func(path string) error {
			for _, behind := range []*peer{hubService, slowService} {
				if err := startSelf(behind.name, path); err != nil {
					return err
				}
			}
			return hub.Serve(context.Background(), &hub.Options{Address: path, Serve: sabir.ServeOptions{
				Env:    transport.Env{Dir: path + ".dir"}, // for the sockets of the services, which are no matter here
				Limits: slowLimits, Log: slog.New(slog.DiscardHandler),
			}})
		},
		dial: func(path string) (client, error) {
			c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{CBOR: cbor, Limits: sabirLimits, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				return nil, err
			}
			s := &hubClient{sabirClient{Client: c}}
			for end := time.Now().Add(daemonPatience); ; time.Sleep(5 * time.Millisecond) { // the service may be on its way yet
				in := sample()
				if _, err = s.Echo(&in); err == nil || time.Now().After(end) {
					return s, err
				}
			}
		},
	}
}

// hubClient starts the publisher with the first subscriber: the service behind
// the hub never has more than one, which is the hub.
type hubClient struct{ sabirClient }

func (c *hubClient) StartCrowd(int) error { return c.sabirClient.StartCrowd(1) }

// hubService is the process of the service that is offered.
var hubService = &peer{
	name: "hub-service", hidden: true,
	serve: func(path string) error { return offerTo(path, benchService(100)) },
	dial:  func(string) (client, error) { return nil, errors.ErrUnsupported },
}

// offerTo offers a service to a hub that may not be there yet.
func offerTo(path string, s *sabir.Service) error {
	for {
		err := sabir.Export(context.Background(), path, s, &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{CBOR: true, Limits: slowLimits, Log: slog.New(slog.DiscardHandler)},
		})
		var lost *sabir.Unanswered
		if !errors.As(err, &lost) {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// startBehind runs the server of a peer behind the one at path.
func startBehind(name, path string) error {
	if err := startSelf(name, path+".service"); err != nil {
		return err
	}
	return awaitSocket(path + ".service")
}
