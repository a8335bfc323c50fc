// Command dbus has a dbus-daemon, a service there and clients of it with godbus.
package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"

	"github.com/sabir-ipc/sabir/bench/load"
)

const (
	name = "org.example.Bench"
	at   = dbus.ObjectPath("/org/example/Bench")
)

func main() { load.Main(load.Peer{Name: "dbus", Serve: serve, Dial: dial, Command: command}) }

func command(path string) ([]string, error) {
	m := load.Sample()
	args := []string{"busctl", "--address=unix:path=" + path + ".bus", "call", name, string(at), name, "Echo", "(ssxdas)",
		m.URI, m.Title, fmt.Sprint(m.Position), fmt.Sprint(m.Volume), fmt.Sprint(len(m.Tags))}
	return append(args, m.Tags...), nil
}

// config is that of a session bus with its limits out of the way.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_message_size">1000000000</limit>
  <limit name="max_completed_connections">20000</limit>
  <limit name="max_connections_per_user">20000</limit>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
`

// msg is Msg with types that D-Bus has.
type msg struct {
	URI      string
	Title    string
	Position int64
	Volume   float64
	Tags     []string
}

type object struct{}

func (object) Echo(m msg) (msg, *dbus.Error)        { return m, nil }
func (object) Bytes(b []byte) ([]byte, *dbus.Error) { return b, nil }

// Subscribe asks for the signals, which everyone then gets.
func (o publisher) Subscribe() *dbus.Error {
	o.once.Do(func() { go o.publish() })
	return nil
}

type publisher struct {
	object
	once   *sync.Once
	c      *dbus.Conn
	failed chan error
}

// publish waits for the bus once in a while: it has no other brake.
func (o publisher) publish() {
	m := load.Sample()
	v := msg{m.URI, m.Title, int64(m.Position), m.Volume, m.Tags}
	for {
		for range 64 {
			if err := o.c.Emit(at, name+".Item", v); err != nil {
				o.failed <- err
				return
			}
		}
		if err := o.c.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err; err != nil {
			o.failed <- err
			return
		}
	}
}

func serve(path string) error {
	bus := path + ".bus"
	if err := os.WriteFile(path+".conf", fmt.Appendf(nil, config, bus), 0o644); err != nil {
		return err
	}
	if err := load.StartChild("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+path+".conf"); err != nil {
		return err
	}
	if err := load.AwaitSocket(bus); err != nil {
		return err
	}
	c, err := dbus.Connect("unix:path=" + bus)
	if err != nil {
		return err
	}
	o := publisher{once: new(sync.Once), c: c, failed: make(chan error, 1)}
	if err := c.Export(o, at, name); err != nil {
		return err
	}
	if _, err := c.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	if err := load.WriteWhole(path, "the name is taken"); err != nil {
		return err
	}
	return <-o.failed
}

type client struct {
	*dbus.Conn
	bench dbus.BusObject
}

func dial(path string) (load.Client, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	c, err := dbus.Connect("unix:path="+path+".bus", dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, err
	}
	return client{c, c.Object(name, at)}, nil
}

func (x client) Echo(in *load.Msg) (load.Msg, error) {
	var m msg
	err := x.bench.Call(name+".Echo", 0, msg{in.URI, in.Title, int64(in.Position), in.Volume, in.Tags}).Store(&m)
	return load.Msg{URI: m.URI, Title: m.Title, Position: int(m.Position), Volume: m.Volume, Tags: m.Tags}, err
}

func (x client) EchoBytes(b []byte) (out []byte, err error) {
	err = x.bench.Call(name+".Bytes", 0, b).Store(&out)
	return out, err
}

func (x client) Subscribe(n *atomic.Int64) error {
	if err := x.AddMatchSignal(dbus.WithMatchInterface(name), dbus.WithMatchMember("Item")); err != nil {
		return err
	}
	signals := make(chan *dbus.Signal, 1024)
	x.Signal(signals)
	if err := x.bench.Call(name+".Subscribe", 0).Err; err != nil {
		return err
	}
	for s := range signals {
		if s.Name != name+".Item" {
			continue
		}
		var m msg
		if err := dbus.Store(s.Body, &m); err != nil {
			return err
		}
		n.Add(1)
	}
	return dbus.ErrClosed
}
