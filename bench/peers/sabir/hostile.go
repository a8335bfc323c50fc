package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/bench/load"
)

// hostile compares the calls of a good client over TLS while it is quiet with those beside a thousand connections that
// do harm as far as the limits let them: over the unix socket as one caller, over TLS as strangers of a hundred sources.
func hostile(m *load.Meter) error {
	if err := m.Unary(); err != nil {
		return err
	}
	m.Emit("server MiB", float64(m.Server.Usage().RSS)/1024, 0)
	stop, err := load.StartBeside("sabir", attackers, m.Path)
	if err != nil {
		return err
	}
	defer stop()
	time.Sleep(3 * time.Second) // until they are all there
	beside, patient := *m, *m.Peer
	beside.Peer = &patient
	patient.Dial = func(path string) (c load.Client, err error) { // chance may refuse strangers while there are many
		for range 200 {
			if c, err = m.Peer.Dial(path); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		return c, err
	}
	beside.Emit = func(metric string, value, others float64) { m.Emit("beside hostile: "+metric, value, others) }
	most := int64(0)
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			most = max(most, m.Server.Resident())
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	err = beside.Unary()
	close(done)
	watch.Wait()
	m.Emit("beside hostile: server MiB", float64(most)/1024, 0)
	return err
}

// attackers are a process that this measurement starts.
const attackers = "attackers"

// attack abuses the server of sabir-tls at path until the process ends.
func attack(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	at, err := url.Parse(string(text))
	if err != nil {
		return err
	}
	large := strings.Repeat("x", 1<<20)
	member := func(n int) net.Conn {
		c, err := net.Dial("unix", path+".sock")
		if err != nil {
			return nil
		}
		return c
	}
	stranger := func(n int) net.Conn {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%100))}}
		c, err := from.Dial("tcp", at.Host)
		if err != nil {
			return nil
		}
		return c
	}
	for _, kind := range []struct {
		dial  func(int) net.Conn
		abuse func(net.Conn)
	}{
		{stranger, func(c net.Conn) { io.WriteString(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }}, // half of a handshake
		{member, func(c net.Conn) { // subscribes and never reads
			for n := range 256 {
				fmt.Fprintf(c, `{"id":%d,"method":"bench.push","window":%d}`+"\n", n, n%2*1024)
			}
		}},
		{member, func(c net.Conn) { io.WriteString(c, `{"id":1,"method":"bench.echo_bytes","params":{"data":"`+large) }}, // never whole
		{member, func(c net.Conn) { // calls and cancels
			go io.Copy(io.Discard, c)
			for n := 0; ; n++ {
				if _, err := fmt.Fprintf(c, `{"id":%d,"method":"bench.push","window":1}`+"\n"+`{"method":"rpc.cancel","params":{"id":%d}}`+"\n", n, n); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}},
	} {
		for n := range 250 {
			go func() {
				for {
					if c := kind.dial(n); c != nil {
						kind.abuse(c)
						time.Sleep(6 * time.Second)
						c.Close()
					}
					time.Sleep(time.Second)
				}
			}()
		}
	}
	select {}
}
