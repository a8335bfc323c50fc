package main

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"

	"github.com/godbus/dbus/v5"
)

const (
	dbusName = "org.example.Bench"
	dbusPath = dbus.ObjectPath("/org/example/Bench")
)

var dbusPeer = &peer{
	name:  "dbus",
	note:  "godbus through a dbus-daemon of its own",
	works: []string{"unary", "flight", "sub1", "sub100", "blob", "idle", "cli"},
	missing: func() string {
		for program, where := range map[string]string{"dbus-daemon": "dbus-daemon", "busctl": "systemd"} {
			if _, err := exec.LookPath(program); err != nil {
				return program + ": apt-get install " + where
			}
		}
		return ""
	},
	serve: dbusServe,
	dial:  dbusDial,
	command: func(path string) ([]string, error) {
		m := sample()
		args := []string{"busctl", "--address=unix:path=" + path + ".bus", "call", dbusName, string(dbusPath), dbusName, "Echo", "(ssxdas)",
			m.URI, m.Title, fmt.Sprint(m.Position), fmt.Sprint(m.Volume), fmt.Sprint(len(m.Tags))}
		return append(args, m.Tags...), nil
	},
}

// dbusConfig is that of a session bus with its limits out of the way.
const dbusConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
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

// dbusMsg is Msg with types that D-Bus has.
type dbusMsg struct {
	URI      string
	Title    string
	Position int64
	Volume   float64
	Tags     []string
}

type dbusObject struct{}

func (dbusObject) Echo(m dbusMsg) (dbusMsg, *dbus.Error) { return m, nil }
func (dbusObject) Bytes(b []byte) ([]byte, *dbus.Error)  { return b, nil }

// Subscribe asks for the signals, which everyone then gets.
func (o dbusPublisher) Subscribe() *dbus.Error {
	o.once.Do(func() { go o.publish() })
	return nil
}

type dbusPublisher struct {
	dbusObject
	once   *sync.Once
	c      *dbus.Conn
	failed chan error
}

// publish waits for the bus once in a while: it has no other brake.
func (o dbusPublisher) publish() {
	m := sample()
	v := dbusMsg{m.URI, m.Title, int64(m.Position), m.Volume, m.Tags}
	for {
		for range 64 {
			if err := o.c.Emit(dbusPath, dbusName+".Item", v); err != nil {
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

func dbusServe(path string) error {
	bus := path + ".bus"
	if err := os.WriteFile(path+".conf", fmt.Appendf(nil, dbusConfig, bus), 0o644); err != nil {
		return err
	}
	if err := startChild("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+path+".conf"); err != nil {
		return err
	}
	if err := awaitSocket(bus); err != nil {
		return err
	}
	c, err := dbus.Connect("unix:path=" + bus)
	if err != nil {
		return err
	}
	o := dbusPublisher{once: new(sync.Once), c: c, failed: make(chan error, 1)}
	if err := c.Export(o, dbusPath, dbusName); err != nil {
		return err
	}
	if _, err := c.RequestName(dbusName, dbus.NameFlagDoNotQueue); err != nil {
		return err
	}
	if err := writeWhole(path, "the name is taken"); err != nil {
		return err
	}
	return <-o.failed
}

type dbusClient struct {
	*dbus.Conn
	bench dbus.BusObject
}

func dbusDial(path string) (client, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	c, err := dbus.Connect("unix:path="+path+".bus", dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, err
	}
	return dbusClient{c, c.Object(dbusName, dbusPath)}, nil
}

func (x dbusClient) Echo(in *Msg) (Msg, error) {
	var m dbusMsg
	err := x.bench.Call(dbusName+".Echo", 0, dbusMsg{in.URI, in.Title, int64(in.Position), in.Volume, in.Tags}).Store(&m)
	return Msg{m.URI, m.Title, int(m.Position), m.Volume, m.Tags}, err
}

func (x dbusClient) EchoBytes(b []byte) (out []byte, err error) {
	err = x.bench.Call(dbusName+".Bytes", 0, b).Store(&out)
	return out, err
}

func (x dbusClient) Subscribe(n *atomic.Int64) error {
	if err := x.AddMatchSignal(dbus.WithMatchInterface(dbusName), dbus.WithMatchMember("Item")); err != nil {
		return err
	}
	signals := make(chan *dbus.Signal, 1024)
	x.Signal(signals)
	if err := x.bench.Call(dbusName+".Subscribe", 0).Err; err != nil {
		return err
	}
	for s := range signals {
		if s.Name != dbusName+".Item" {
			continue
		}
		var m dbusMsg
		if err := dbus.Store(s.Body, &m); err != nil {
			return err
		}
		n.Add(1)
	}
	return dbus.ErrClosed
}
