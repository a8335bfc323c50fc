package attacks_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/transport"
)

const (
	tenYears = 10 * 365 * 24 * time.Hour
	jumpGo   = `package time

import "sync/atomic"

var jumped atomic.Int64

// Jump sets the clock, and not what measures time.
func Jump(d Duration) { jumped.Add(int64(d / Second)) }
`
)

// clockDaemon builds testdata/clock with a package time that has Jump: only the daemon's clock is set, and not this
// machine's.
func clockDaemon(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const now = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	changed := strings.Replace(string(text), now, now+"\tsec += jumped.Load()\n", 1)
	if changed == string(text) {
		t.Fatal("time.Now is another than this test knows")
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(source, "time.go"): filepath.Join(dir, "time.go"), filepath.Join(source, "jump.go"): filepath.Join(dir, "jump.go"),
	}})
	for name, text := range map[string]string{"time.go": changed, "jump.go": jumpGo, "overlay": string(overlay)} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "clock")
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay"), "-o", file, "./testdata/clock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// Case 67: the clock of a daemon is set ten years ahead, ten years back and right again, and then the machine sleeps for
// an hour, which is the same to a process: its clock has jumped, and no time has passed. What is measured goes on as if
// nothing had been; what has a date is judged by it.
//
// clause: K4, K12, K13, K16, M9
func TestCase67Clock(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library")
	}
	t.Setenv(exeEnv, clockDaemon(t))
	d := &daemon{t: t, env: transport.Env{StateHome: shortDir(t), UID: -1}, log: &journal{}}
	d.path = filepath.Join(d.env.StateHome, "d.sock")
	process := start(t, "", nil, d.env.StateHome)
	port := process.hear()
	state, err := d.env.ServiceDir("probe")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(state)
	if err != nil {
		t.Fatal(err)
	}
	d.tls = transport.Address{Scheme: "sabir", Host: "127.0.0.1", Port: port}.WithPairing(transport.Pairing{Pin: identity.Fingerprint()})
	if d.store, err = auth.OpenStore(filepath.Join(state, sabir.CredentialsFile)); err != nil {
		t.Fatal(err)
	}
	jump := func(by time.Duration) {
		t.Helper()
		process.stdin.Write([]byte("jump " + by.String() + "\n"))
		if got := process.hear(); !strings.HasSuffix(got, " <nil>") {
			t.Fatal(got)
		}
		t.Log("the clock is set by ", by)
	}
	c := &clocked{daemon: d, talk: d.open("unix")}
	_, c.forEver = d.token("write")
	c.forAnHour = c.as(d.store.AddToken(auth.NewCredential{Name: "hour", Rights: auth.Rights{Level: "write"}, For: time.Hour}))
	once := c.as(d.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "write"}}))
	kept, ends := c.enter(c.forEver), c.enter(c.forAnHour)
	c.talk.say(`{"id":"topic","method":"probe.tick","params":{"name":"t"},"window":100}`)
	c.talk.hears("rpc.live")
	c.keptOut(true)

	for _, by := range []time.Duration{tenYears, -2 * tenYears} {
		waits := c.waits()
		jump(by)
		if by > 0 {
			ends.rest() // it ends
		}
		c.goesOn(kept)
		c.keptOut(false)
		c.enter(c.forEver).Close()
		c.refused(once)
		waits()
	}
	jump(tenYears) // and it is right again
	c.goesOn(kept)
	c.refused(once) // what was too old is gone
	once = c.as(d.store.AddOnce(auth.NewCredential{Rights: auth.Rights{Level: "write"}}))
	ends = c.enter(c.forAnHour)
	waits := c.waits()
	jump(time.Hour) // it slept
	ends.rest()
	c.goesOn(kept)
	waits()
	c.refused(once) // the last one, since a source that fails a fourth time is kept out
}

// clocked is a daemon whose clock is set.
type clocked struct {
	*daemon
	talk               *line // has a subscription
	forEver, forAnHour *sabir.DialOptions
}

func (c *clocked) as(who auth.Credential, secret auth.Secret, err error) *sabir.DialOptions {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	_, opts := c.token("read")
	opts.Secret = func(string) (string, auth.Secret, error) { return who.ID, secret, nil }
	return opts
}

func (c *clocked) enter(opts *sabir.DialOptions) *line {
	c.t.Helper()
	conn, err := sabir.Connect(c.t.Context(), c.tls, opts)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.line(conn)
}

func (c *clocked) refused(opts *sabir.DialOptions) {
	c.t.Helper()
	if _, err := sabir.Connect(c.t.Context(), c.tls, opts); !errors.Is(err, sabir.ErrDenied) {
		c.t.Error("let in: ", err)
	}
}

// goesOn shows that those who were there are served.
func (c *clocked) goesOn(kept *line) {
	c.t.Helper()
	kept.say(ping)
	kept.hears(pong)
	c.talk.say(`{"id":"p","method":"probe.publish","params":{"name":"t","times":1}}`)
	for got := ""; !strings.Contains(got, `"rpc.item"`); {
		got = c.talk.hear()
	}
}

// waits begins a call that has a second, and returns what shows that it had that.
func (c *clocked) waits() func() {
	c.t.Helper()
	l, began := c.enter(c.forEver), time.Now()
	l.say(`{"id":1,"method":"probe.wait","params":{"name":"nobody"},"timeout":1}`)
	return func() {
		c.t.Helper()
		l.hears(`"code":-32002`)
		if took := time.Since(began); took < time.Second {
			c.t.Errorf("a second was over after %v", took)
		}
		l.Close()
	}
}

// keptOut shows that a source is kept out for what it has done, which it does first.
func (c *clocked) keptOut(first bool) {
	c.t.Helper()
	for n := 0; c.answers(); n++ {
		if !first || n > 20 {
			c.t.Fatal("it is let in")
		}
	}
}

// answers reports whether a stranger from another address is answered, who says something wrong.
func (c *clocked) answers() bool {
	c.t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 5)}}
	conn, err := from.DialContext(c.t.Context(), "tcp", c.tls.HostPort())
	if err != nil {
		needed.Missing(c.t, "loopback", err)
	}
	l := c.line(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}))
	defer l.Close()
	l.say(`{"id":1,"method":"rpc.auth","params":{"mechanism":"none"}}`)
	return strings.Contains(l.rest(), "rpc.Denied")
}
