package attacks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

// Two who are nobody, and not each other.
const (
	nobody = 65534
	other  = 65533
)

// asUser starts a part as another user, who has to be able to run this program.
func asUser(t *testing.T, uid uint32, part string, args ...string) *actor {
	t.Helper()
	return start(t, part, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, args...)
}

// twoUsers asks for a machine on which one can become another user, and returns a directory in which all may look.
func twoUsers(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		needed.Missing(t, "root", errors.New("nobody else can be two users"))
	}
	dir := shortDir(t)
	name, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile(name)
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "exe"), exe, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(exeEnv, filepath.Join(dir, "exe"))
	return dir
}

// playCaller says what it is told to a unix socket, and what comes back: to the connection that it was given as
// descriptor 3, if path is "-".
func playCaller(path string, lines []string) {
	var c net.Conn
	var err error
	if path == "-" {
		c, err = net.FileConn(os.NewFile(3, "given"))
	} else {
		c, err = net.Dial("unix", path)
	}
	if err != nil {
		fmt.Println("no connection:", err)
		return
	}
	io.WriteString(c, strings.Join(lines, "\n")+"\n")
	c.(*net.UnixConn).CloseWrite()
	io.Copy(os.Stdout, c)
}

// playListener listens on a name below a directory for temporary files, as a daemon without a session does.
func playListener(temp string) {
	l, err := transport.Listen(transport.Address{Scheme: "name", Name: "d"}, &transport.ListenOptions{Env: transport.Env{TempDir: temp, SystemDir: temp + "/none"}})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("listens")
	l.Close()
}

// playSquatter takes places that will be another's: a directory, and a socket that stays.
func playSquatter(dir, socket string) {
	err := os.Mkdir(dir, 0o755)
	ln, e := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if e == nil {
		ln.SetUnlinkOnClose(false)
		e = ln.Close()
	}
	fmt.Println("squats", err, e)
}

const who = `{"id":1,"method":"rpc.info"}`

// Case 58: the socket of root is closed to others, and what others have put in its way is not taken.
//
// clause: A2, A3
func TestCase58TwoUsers(t *testing.T) {
	dir := twoUsers(t)
	d := serve(t, nil)
	if err := os.Chmod(filepath.Dir(d.path), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := asUser(t, nobody, "caller", d.path, who).hear(); !strings.Contains(got, "permission denied") {
		t.Errorf("the default: %s", got)
	}

	temp := filepath.Join(dir, "tmp")
	if err := errors.Join(os.Mkdir(temp, 0o777), os.Chmod(temp, 0o777|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(temp, fmt.Sprintf("sabir-%d", other))
	socket := filepath.Join(temp, "d.sock")
	if got := asUser(t, nobody, "squatter", victim, socket).hear(); got != "squats <nil> <nil>" {
		t.Fatal(got)
	}
	if got := asUser(t, other, "listener", temp).hear(); !strings.HasPrefix(got, "refused:") || !strings.Contains(got, "belongs to uid 65534, not to uid 65533") {
		t.Errorf("a squatted directory: %s", got)
	}
	if got := asUser(t, nobody, "listener", temp).hear(); got != "listens" {
		t.Errorf("one's own: %s", got)
	}
	var refused *transport.RefusedError
	if _, err := transport.Listen(transport.Address{Scheme: "unix", Path: socket}, nil); !errors.As(err, &refused) || !strings.Contains(err.Error(), "is a socket of uid 65534") {
		t.Errorf("a squatted socket: %v", err)
	}
	env := transport.Env{SystemDir: victim, StateHome: dir}
	if _, err := transport.Listen(transport.Address{Scheme: "name", Name: "d"}, &transport.ListenOptions{Env: env}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "belongs to uid 65534") {
		t.Errorf("a squatted directory of the system: %v", err)
	}
}

// Case 25 and 60: on a socket that is open to all, the kernel says who it is; the rule of the service says what he may.
// One who has too many connections keeps nobody else out. A connection that is handed on stays whose it was.
//
// clause: A4, K1, B3
func TestCase25TwoUsers(t *testing.T) {
	twoUsers(t)
	const echo = `{"id":2,"method":"probe.echo","params":{"text":"x"}}`
	for _, test := range []struct {
		name, level string
		rule        func(transport.Peer) sabir.Access
		echo, set   string
	}{
		{"without a rule", "none", nil, `"name":"rpc.Denied"`, `"name":"rpc.Denied"`},
		{"by his uid", "read", func(p transport.Peer) sabir.Access {
			if p.Known && p.UID == nobody {
				return sabir.AccessRead
			}
			return sabir.AccessAdmin
		}, `"text":"x"`, `"name":"rpc.Denied"`},
		{"by his group", "write", func(p transport.Peer) sabir.Access {
			if p.Known && p.GID == nobody {
				return sabir.AccessWrite
			}
			return sabir.AccessAdmin
		}, `"text":"x"`, `"result":{}`},
	} {
		d := serve(t, func(o *sabir.ServeOptions) { o.Mode, o.Level, o.Limits.Connections = 0o666, test.rule, 3 })
		if err := os.Chmod(filepath.Dir(d.path), 0o755); err != nil {
			t.Fatal(err)
		}
		first, second := d.open("unix"), d.open("unix")
		second.say(ping)
		second.hears(pong)
		if c, err := sabir.Dial(context.Background(), d.path, nil); err == nil {
			if _, err := sabir.Do[sabir.None](context.Background(), c, "rpc.ping", nil); !errors.Is(err, sabir.ErrBusy) {
				t.Errorf("%s: a fourth connection of root: %v", test.name, err)
			}
			c.Close()
		}
		caller := asUser(t, nobody, "caller", d.path, who, echo, set)
		got := caller.hear() + "\n" + caller.hear() + "\n" + caller.hear()
		for _, want := range []string{`"transport":"unix"`, `"level":"` + test.level + `"`, `"uid":65534`, test.echo, test.set} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in %s", test.name, want, got)
			}
		}
		first.Close()
		second.Close()
		d.settled()

		c, err := net.Dial("unix", d.path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := c.(*net.UnixConn).File()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		given := startWith(t, "caller", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}, file, "-", who)
		file.Close()
		if got := given.hear(); !strings.Contains(got, `"level":"admin","uid":0`) {
			t.Errorf("%s: handed on: %s", test.name, got)
		}
	}
}
