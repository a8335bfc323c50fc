package hub_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/transport"
)

// mirrored is who a service of these tests takes its caller for.
type mirrored struct {
	Hubs      int
	Level     string
	Name      string
	Transport string
}

// mirror is a service that tells its callers who they are, and how often it
// was called.
func mirror() *sabir.Service {
	s := sabir.NewService("mirror", "1.0", "")
	look := func(ctx context.Context, _ sabir.None) (mirrored, error) {
		c := sabir.CallerOf(ctx)
		return mirrored{len(c.Via), string(c.Level), c.Name, c.Peer.Transport}, nil
	}
	sabir.Method(s, "look", look, sabir.Readonly)
	sabir.Method(s, "rule", look, sabir.Needs(sabir.AccessAdmin))
	numbers := sabir.NewTopic[int, sabir.None](s, "numbers")
	sabir.Method(s, "publish", func(_ context.Context, in struct{ N int }) (sabir.None, error) {
		return sabir.None{}, numbers.Publish(sabir.None{}, in.N)
	})
	return s
}

// offerAt offers h, and says where it listens.
func offerAt(t *testing.T, dir string, h sabir.Handler, at ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	there, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- sabir.Export(ctx, filepath.Join(dir, "hub.sock"), h, &sabir.ExportOptions{
			DialOptions: sabir.DialOptions{Log: quiet}, Offered: sync.OnceFunc(func() { close(there) }),
			At: func(string) []string { return at },
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-there:
	case err := <-done:
		t.Fatal(err)
	}
	return stop
}

// dialDirect is a client of the hub that goes direct.
func dialDirect(t *testing.T, dir string, o sabir.DialOptions) *sabir.Client {
	t.Helper()
	o.Direct, o.Log = true, quiet
	c, err := sabir.Dial(t.Context(), filepath.Join(dir, "hub.sock"), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func look(t *testing.T, h sabir.Handler, method string) mirrored {
	t.Helper()
	s, err := sabir.Do[mirrored](t.Context(), h, method, nil)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return s
}

func resolve(t *testing.T, h sabir.Handler, service string) sabir.Where {
	t.Helper()
	w, err := sabir.Do[sabir.Where](t.Context(), h, "hub.resolve", map[string]any{"service": service})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What listens itself is called there, as long as it does; what does not, at
// the hub. Interest in a topic goes on from one to the other.
//
// clause: U11, U12
func TestDirect(t *testing.T) {
	dir := run(t, hub.Options{})
	path := filepath.Join(shortDir(t), "m.sock")
	m := mirror()
	stop := serve(t, path, m)
	offerAt(t, dir, m, "unix:/nowhere/m.sock", "unix:"+path)
	offerAt(t, dir, vault())
	c := dialDirect(t, dir, sabir.DialOptions{})
	if w := resolve(t, c, "mirror"); w.Service != "mirror" || len(w.Addresses) != 2 || w.Pid == nil || *w.Pid != os.Getpid() {
		t.Errorf("resolved to %+v", w)
	}
	if s := look(t, c, "mirror.look"); s.Hubs != 0 || s.Transport != "unix" {
		t.Errorf("direct: %+v", s)
	}
	if s := look(t, dial(t, dir, "hub"), "mirror.look"); s.Hubs != 1 {
		t.Errorf("without Direct: %+v", s)
	}
	if _, err := sabir.Do[any](t.Context(), c, "vault.open", map[string]any{"user": "ann", "password": "x"}); err != nil {
		t.Errorf("what does not listen: %v", err)
	}
	if _, err := sabir.Do[any](t.Context(), c, "nothing.here", nil); !errors.Is(err, sabir.ErrUnavailable) { // [U7], and the hub has just begun
		t.Errorf("what is not there: %v", err)
	}

	events, _ := watch[int](t, c, "mirror.numbers", nil, nil, sabir.CallerOf(t.Context()))
	for (<-events).Kind != sabir.Up {
	}
	publish := func(n int) {
		t.Helper()
		if _, err := sabir.Do[sabir.None](t.Context(), c, "mirror.publish", map[string]any{"n": n}); err != nil {
			t.Error(err)
		}
	}
	publish(1)
	first := next(t, events)
	stop()
	if s := look(t, c, "mirror.look"); s.Hubs != 1 {
		t.Errorf("when its socket is gone: %+v", s)
	}
	publish(2)
	second := next(t, events)
	for second.Kind == sabir.Down {
		second = next(t, events)
	}
	if first.Value != 1 || second.Value != 2 || second.Seq != 2 || second.Lost != 0 || first.Epoch != second.Epoch {
		t.Errorf("one topic: %+v, then %+v", first, second)
	}

	serve(t, path, m)
	for end := time.Now().Add(20 * time.Second); look(t, c, "mirror.look").Hubs != 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it goes the long way for ever")
		}
	}
}

// A service that knows the client as less than the hub does is asked by way of
// the hub, and only for what it refuses.
//
// clause: U12
func TestDirectDenied(t *testing.T) {
	dir := run(t, hub.Options{})
	path := filepath.Join(shortDir(t), "m.sock")
	ln, err := transport.Listen(transport.Address{Scheme: "unix", Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	m := mirror()
	go func() {
		done <- sabir.Serve(ctx, ln, m, &sabir.ServeOptions{Log: quiet, Level: func(transport.Peer) sabir.Access { return sabir.AccessRead }})
	}()
	defer func() { cancel(); <-done }()
	offerAt(t, dir, m, "unix:"+path)
	c := dialDirect(t, dir, sabir.DialOptions{})
	for range 2 {
		if s := look(t, c, "mirror.look"); s.Hubs != 0 || s.Level != "read" {
			t.Errorf("as whom it is known there: %+v", s)
		}
		if s := look(t, c, "mirror.rule"); s.Hubs != 1 || s.Level != "admin" {
			t.Errorf("as whom the hub knows it: %+v", s)
		}
	}
}

// Another process at the path of a socket is not the service.
//
// clause: U12
func TestDirectToAnotherProcess(t *testing.T) {
	dir, other := run(t, hub.Options{}), shortDir(t)
	cmd := exec.Command(os.Args[0], "clock")
	cmd.Env = append(os.Environ(), "SABIR_TEST_DAEMON=1", "SABIR_DIR="+other)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	path := filepath.Join(other, "clock.sock")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c, err := sabir.Dial(t.Context(), path, nil); err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
	offerAt(t, dir, clock(), "unix:"+path)
	if p := who(t, dialDirect(t, dir, sabir.DialOptions{})); p.PID != os.Getpid() {
		t.Errorf("process %d answers, which offers nothing", p.PID)
	}
}

// Over the network a service is known by its certificate, and knows the client
// by a credential of its own; sockets are of one machine. An offer that goes on
// to another hub has the first and not the second.
//
// clause: U11, U12
func TestDirectOverTLS(t *testing.T) {
	env := transport.Env{StateHome: t.TempDir(), UID: -1}
	service, err := env.ServiceDir("mirror")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := transport.OpenIdentity(service)
	if err != nil {
		t.Fatal(err)
	}
	store, err := auth.OpenStore(filepath.Join(service, sabir.CredentialsFile))
	if err != nil {
		t.Fatal(err)
	}
	m := mirror()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan transport.Address, 1), make(chan error, 1)
	go func() {
		done <- sabir.ListenAndServe(ctx, "sabir://127.0.0.1:0", m, &sabir.ServeOptions{
			Log: quiet, Env: env, Grace: time.Millisecond, Ready: func(all []transport.Address) { ready <- all[0] },
		})
	}()
	defer func() { cancel(); <-done }()
	at := (<-ready).WithPairing(transport.Pairing{Pin: identity.Fingerprint()})

	near, far := shortDir(t), shortDir(t)
	runIn(t, far, hub.Options{})
	runIn(t, near, hub.Options{To: to(far)})
	offerAt(t, near, m, at.String(), "unix:/run/m.sock")
	offered(t, far, "mirror", true)
	if w := resolve(t, dial(t, far, "hub"), "mirror"); !slices.Equal(w.Addresses, []string{at.String()}) {
		t.Errorf("at the second hub: %+v", w)
	}
	rows, err := sabir.Do[[]sabir.Row[hub.Service]](t.Context(), dial(t, near, "hub"), "hub.services", nil)
	if err != nil || len(rows) != 1 || !slices.Equal(rows[0].Value.At, []string{at.String()}) {
		t.Errorf("in the table: %+v, %v", rows, err)
	}

	asked := false
	stranger := sabir.DialOptions{Env: env, Secret: func(string) (string, auth.Secret, error) {
		asked = true
		return "", auth.Secret{}, errors.New("nobody is to be asked")
	}}
	if s := look(t, dialDirect(t, near, stranger), "mirror.look"); s.Hubs != 1 || asked {
		t.Errorf("without a credential: %+v, asked: %v", s, asked)
	}
	credential, secret, err := store.AddToken(auth.NewCredential{Name: "laptop", Rights: auth.Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := env.ClientDir()
	if err != nil {
		t.Fatal(err)
	}
	wallet := auth.Wallet{Path: filepath.Join(client, sabir.SecretsFile)}
	if err := wallet.Put(at.HostPort(), credential.ID, secret); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{near, far} {
		if s := look(t, dialDirect(t, dir, sabir.DialOptions{Env: env}), "mirror.look"); s.Hubs != 0 || s.Name != "laptop" || s.Level != "read" {
			t.Errorf("with one: %+v", s)
		}
	}
}

// Under another name at the hub a service has its own where it listens.
//
// clause: U11
func TestDirectUnderAnotherName(t *testing.T) {
	dir := run(t, hub.Options{})
	path := filepath.Join(shortDir(t), "m.sock")
	m := mirror()
	serve(t, path, m)
	x, err := sabir.Dial(t.Context(), filepath.Join(dir, "hub.sock"), &sabir.DialOptions{Log: quiet, Handler: m})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	_, err = sabir.Do[sabir.None](t.Context(), x, "rpc.export", map[string]any{
		"service": m.Describe()[0], "as": "glass", "at": []string{"unix:" + path},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := dialDirect(t, dir, sabir.DialOptions{})
	if w := resolve(t, c, "glass"); w.Service != "mirror" {
		t.Errorf("%+v", w)
	}
	if s := look(t, c, "glass.look"); s.Hubs != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := sabir.Do[any](t.Context(), c, "glass.lok", nil); !errors.Is(err, sabir.ErrMethodNotFound) {
		t.Errorf("a wrong name: %v", err)
	}
}

// A client of many goroutines ends while they call.
func TestDirectCloses(t *testing.T) {
	dir := run(t, hub.Options{})
	path := filepath.Join(shortDir(t), "m.sock")
	m := mirror()
	serve(t, path, m)
	offerAt(t, dir, m, "unix:"+path)
	for range 20 {
		c := dialDirect(t, dir, sabir.DialOptions{})
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for {
					if _, err := sabir.Do[mirrored](t.Context(), c, "mirror.look", nil); err != nil {
						return
					}
				}
			})
		}
		time.Sleep(time.Millisecond) // in the middle of it
		c.Close()
		calls.Wait()
	}
}
