package attacks_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

// maxResident is what a daemon may take beside a thousand hostile connections. Go's collector by itself lets as much
// garbage gather as there is in use; who wants a daemon to stay small says so. docs/limits.md
//
// The race detector takes several times as much; what is much too much is told there too.
const (
	maxResident  = 256 << 20
	maxRaced     = 2 << 30
	daemonMemory = "128MiB"
)

// playDaemon serves the probe in the directory dir until stdin ends, and says where, with a credential of level read.
func playDaemon(dir string) {
	env := transport.Env{StateHome: dir, UID: -1}
	state, err := env.ServiceDir("probe")
	if err == nil {
		var store *auth.Store
		if store, err = auth.OpenStore(filepath.Join(state, sabir.CredentialsFile)); err == nil {
			ctx, stop := context.WithCancel(context.Background())
			go func() { io.Copy(io.Discard, os.Stdin); stop() }()
			err = sabir.ListenAndServe(ctx, filepath.Join(dir, "d.sock"), probe.New(), &sabir.ServeOptions{
				Env: env, Grace: 100 * time.Millisecond, Credentials: store, Listen: []string{"sabir://127.0.0.1:0", "tcp:127.0.0.1:0"},
				Ready: func(all []transport.Address) {
					c, secret, err := store.AddToken(auth.NewCredential{Name: "good", Rights: auth.Rights{Level: "read"}})
					fmt.Println(all[1].Port, all[2].Port, c.ID, secret.Reveal(), err)
				},
			})
		}
	}
	if err != nil {
		fmt.Println(err)
	}
}

// resident is how much memory a process has, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		needed.Missing(t, "procfs", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// hostile is one who keeps a connection busy in his way until stop; when it is closed, he comes again.
type hostile struct {
	name  string
	dial  func(n int) (net.Conn, error)
	abuse func(c net.Conn, n int)
}

// Case 29: a thousand connections, each at what the limits leave it, before and after authentication. The daemon keeps
// within its memory, and somebody else is served all the time.
//
// clause: B2, B3, B4, B6, K3, O5
func TestCase29ThousandHostile(t *testing.T) {
	dir := shortDir(t)
	t.Setenv("GOMEMLIMIT", daemonMemory)
	child := start(t, "daemon", nil, dir)
	os.Unsetenv("GOMEMLIMIT")
	var tlsPort, tcpPort, id, secret string
	if text := child.hear(); len(strings.Fields(text)) != 5 {
		t.Fatal(text)
	} else {
		fmt.Sscan(text, &tlsPort, &tcpPort, &id, &secret)
	}
	unix := func(int) (net.Conn, error) { return net.Dial("unix", filepath.Join(dir, "d.sock")) }
	stranger := func(port string) func(int) (net.Conn, error) {
		return func(n int) (net.Conn, error) { // of many sources
			from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%100))}}
			return from.Dial("tcp", "127.0.0.1:"+port)
		}
	}
	large := strings.Repeat("x", 8<<20-100)
	kinds := []hostile{
		{"half of a handshake", stranger(tlsPort), func(c net.Conn, _ int) {
			io.WriteString(c, "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"+strings.Repeat("x", 15000))
		}},
		{"a byte now and then", stranger(tcpPort), func(c net.Conn, n int) {
			for _, b := range []byte(ping) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}},
		{"subscriptions without windows, and never reads", unix, func(c net.Conn, n int) {
			for i := range 256 {
				fmt.Fprintf(c, `{"id":%d,"method":"probe.tick","params":{"name":"%d"},"window":0}`+"\n", i, n%50)
			}
			fmt.Fprintf(c, `{"id":"p","method":"probe.publish","params":{"name":"%d","times":2000}}`+"\n", n%50)
		}},
		{"large windows on streams, and never reads", unix, func(c net.Conn, _ int) {
			for i := range 64 {
				fmt.Fprintf(c, `{"id":%d,"method":"probe.count","params":{"to":1000000000},"window":1024}`+"\n", i)
			}
		}},
		{"answers of 4 MB, and never reads", unix, func(c net.Conn, _ int) {
			for i := range 200 {
				if _, err := fmt.Fprintf(c, `{"id":%d,"method":"probe.letters","params":{"n":4000000}}`+"\n", i); err != nil {
					return
				}
			}
		}},
		{"messages that are almost whole", unix, func(c net.Conn, _ int) {
			io.WriteString(c, `{"id":1,"method":"probe.wait","params":{"name":"`)
			io.WriteString(c, large)
		}},
		{"calls with large params that wait", unix, func(c net.Conn, _ int) {
			go io.Copy(io.Discard, c)
			for i := range 128 {
				fmt.Fprintf(c, `{"id":%d,"method":"probe.wait","params":{"name":"`, i)
				io.WriteString(c, large[:1<<20])
				if _, err := io.WriteString(c, `"}}`+"\n"); err != nil {
					return
				}
			}
		}},
		{"calls and cancels", unix, func(c net.Conn, _ int) {
			go io.Copy(io.Discard, c)
			for i := 0; ; i++ {
				if _, err := fmt.Fprintf(c, `{"id":%d,"method":"probe.wait","params":{"name":"w"}}`+"\n"+`{"method":"rpc.cancel","params":{"id":%d}}`+"\n", i, i); err != nil {
					return
				}
				if i%100 == 0 {
					time.Sleep(200 * time.Millisecond) // or this machine would have nothing left for anybody
				}
			}
		}},
	}
	each := 125
	if raced {
		each = 25 // no more than it can watch
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, kind := range kinds {
		for n := range each {
			all.Go(func() {
				for ctx.Err() == nil {
					c, err := kind.dial(n)
					if err != nil {
						return // no such address here
					}
					leave := context.AfterFunc(ctx, func() { c.Close() })
					kind.abuse(c, n)
					wait(ctx, c)
					leave()
					c.Close()
					select {
					case <-ctx.Done():
					case <-time.After(500 * time.Millisecond):
					}
				}
			})
		}
	}

	quiet := &journal{}
	address, err := transport.Parse("sabir://127.0.0.1:" + tlsPort)
	if err != nil {
		t.Fatal(err)
	}
	opts := &sabir.DialOptions{
		Env: transport.Env{StateHome: t.TempDir(), UID: -1}, KnownHosts: &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known")},
		Secret: func(string) (string, auth.Secret, error) { return id, auth.KnownSecret(secret), nil },
	}
	var good *sabir.Client
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) { // chance may refuse him some times
		if good, err = sabir.Dial(ctx, address.String(), opts); err == nil || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		t.Fatal("a good client is not let in: ", err, quiet)
	}
	defer good.Close()
	most, calls := 0, 0
	for begin := time.Now(); time.Since(begin) < 8*time.Second; calls++ {
		once, cancel := context.WithTimeout(ctx, patience)
		_, err := sabir.Do[any](once, good, "probe.echo", map[string]any{"text": "x"})
		cancel()
		if err != nil {
			t.Fatal("a good client: ", err)
		}
		if calls%100 == 0 {
			most = max(most, resident(t, child.Process.Pid))
		}
	}
	now, err := sabir.Do[counters](ctx, good, "rpc.stats", nil)
	t.Logf("%d calls of a good client, at most %d MiB, %+v, %v", calls, most>>20, now, err)
	if now.Connections < 4*each {
		t.Errorf("only %d connections", now.Connections)
	}
	if int64(most) > maxRaced || int64(most) > maxResident && !raced {
		t.Errorf("%d MiB", most>>20)
	}
	stop()
	all.Wait()
	for end := time.Now().Add(patience); now.Connections > 1 || now.Subscriptions > 0 || now.InFlight > 1; time.Sleep(20 * time.Millisecond) {
		if now, err = sabir.Do[counters](t.Context(), good, "rpc.stats", nil); err != nil || time.Now().After(end) {
			t.Fatalf("left behind: %+v, %v", now, err)
		}
	}
}

// wait returns when the other side has closed, without reading what it sends, or when ctx ends.
func wait(ctx context.Context, c net.Conn) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		var sent error
		if raw.Control(func(fd uintptr) { sent = syscall.Sendto(int(fd), nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, nil) }) != nil || sent == syscall.EPIPE {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}
