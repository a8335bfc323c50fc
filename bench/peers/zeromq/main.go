//go:build zmq

// Command zeromq has a server and clients of libzmq. It needs a C library, hence
// the tag: all else builds without.
package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	zmq "github.com/pebbe/zmq4"

	"github.com/sabir-ipc/sabir/bench/load"
)

func main() { load.Main(load.Peer{Name: "zeromq", Serve: serve, Dial: dial}) }

// payload stands for the struct, in the size that it has in CBOR: no codec.
var payload = make([]byte, 121)

// serve has a socket for each pattern: REP for one call at a time, ROUTER
// for calls in flight, XPUB for notifications, of which none is dropped.
func serve(path string) error {
	zmq.SetMaxSockets(4096)
	open := func(t zmq.Type, suffix string) (*zmq.Socket, error) {
		s, err := zmq.NewSocket(t)
		if err != nil {
			return nil, err
		}
		if t == zmq.XPUB {
			s.SetXpubNodrop(true)
		}
		return s, s.Bind("ipc://" + path + suffix)
	}
	router, err := open(zmq.ROUTER, ".router")
	if err != nil {
		return err
	}
	pub, err := open(zmq.XPUB, ".pub")
	if err != nil {
		return err
	}
	rep, err := open(zmq.REP, ".rep")
	if err != nil {
		return err
	}
	failed := make(chan error, 3)
	go func() { failed <- route(router) }()
	go func() { failed <- publish(pub) }()
	go func() { failed <- reply(rep) }()
	os.WriteFile(path, nil, 0o600) // all is bound
	return <-failed
}

func reply(rep *zmq.Socket) error {
	runtime.LockOSThread()
	for {
		b, err := rep.RecvBytes(0)
		if err != nil {
			return err
		}
		if _, err := rep.SendBytes(b, 0); err != nil {
			return err
		}
	}
}

func route(router *zmq.Socket) error {
	runtime.LockOSThread()
	for {
		parts, err := router.RecvMessageBytes(0)
		if err != nil {
			return err
		}
		if _, err := router.SendMessage(parts); err != nil {
			return err
		}
	}
}

// publish publishes while there are subscribers.
func publish(pub *zmq.Socket) error {
	runtime.LockOSThread()
	for subscribers := 0; ; {
		flags := zmq.DONTWAIT
		if subscribers == 0 {
			flags = 0
		}
		for {
			b, err := pub.RecvBytes(flags)
			if err != nil {
				break // nobody came or went
			}
			if len(b) > 0 && b[0] == 1 {
				subscribers++
			} else {
				subscribers--
			}
			flags = zmq.DONTWAIT
		}
		for range 256 {
			if subscribers > 0 {
				pub.SendBytes(payload, 0)
			}
		}
	}
}

type client struct {
	path string
	req  *zmq.Socket
	gone atomic.Bool
}

func dial(path string) (load.Client, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	zmq.SetMaxSockets(4096)
	return &client{path: path}, nil
}

func (z *client) connect(t zmq.Type, suffix string) (*zmq.Socket, error) {
	s, err := zmq.NewSocket(t)
	if err != nil {
		return nil, err
	}
	s.SetLinger(0)
	return s, s.Connect("ipc://" + z.path + suffix)
}

func (z *client) Echo(in *load.Msg) (load.Msg, error) {
	b, err := z.EchoBytes(payload)
	if err == nil && len(b) != len(payload) {
		err = load.ErrEcho
	}
	return *in, err
}

func (z *client) EchoBytes(b []byte) ([]byte, error) {
	if z.req == nil {
		s, err := z.connect(zmq.REQ, ".rep")
		if err != nil {
			return nil, err
		}
		z.req = s
	}
	if _, err := z.req.SendBytes(b, 0); err != nil {
		return nil, err
	}
	return z.req.RecvBytes(0)
}

func (z *client) Window(depth int, n *atomic.Int64, stop *atomic.Bool) error {
	runtime.LockOSThread()
	s, err := z.connect(zmq.DEALER, ".router")
	if err != nil {
		return err
	}
	defer s.Close()
	for flying := 0; !stop.Load(); {
		for ; flying < depth; flying++ {
			if _, err := s.SendBytes(payload, 0); err != nil {
				return err
			}
		}
		for flags := zmq.Flag(0); ; flags = zmq.DONTWAIT {
			b, err := s.RecvBytes(flags)
			if err != nil {
				break // all that has come is read
			}
			if len(b) != len(payload) {
				return load.ErrEcho
			}
			flying--
			n.Add(1)
		}
	}
	return nil
}

func (z *client) Subscribe(n *atomic.Int64) error {
	runtime.LockOSThread()
	s, err := zmq.NewSocket(zmq.SUB)
	if err != nil {
		return err
	}
	defer s.Close()
	s.SetLinger(0)
	s.SetRcvtimeo(200 * time.Millisecond) // so that Close is seen
	s.SetSubscribe("")
	if err := s.Connect("ipc://" + z.path + ".pub"); err != nil {
		return err
	}
	for !z.gone.Load() {
		if _, err := s.RecvBytes(0); err == nil {
			n.Add(1)
		}
	}
	return nil
}

func (z *client) Close() error {
	z.gone.Store(true)
	if z.req != nil {
		return z.req.Close()
	}
	return nil
}
