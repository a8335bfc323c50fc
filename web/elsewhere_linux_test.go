package web_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sabir-ipc/sabir/examples/probe"
	"github.com/sabir-ipc/sabir/internal/needed"
	"github.com/sabir-ipc/sabir/web"
)

// A proxy on another machine is believed where its address is named, and only there.
//
// clause: K4
func TestProxyElsewhere(t *testing.T) {
	here, there := elsewhere(t)
	if !there {
		return
	}
	ask := func(s *served, from, token string) (status int) {
		t.Helper()
		_, port, _ := net.SplitHostPort(s.tls)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+net.JoinHostPort(here.String(), port)+"/probe.echo?text=x", nil)
		r.Header = http.Header{"Authorization": {"Bearer " + token}, "X-Forwarded-For": {from}}
		answer, err := client.Do(r)
		if err != nil {
			return 0 // closed without an answer
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	proxies := []netip.Prefix{netip.PrefixFrom(here, here.BitLen()), netip.MustParsePrefix("198.51.100.0/24")}
	s := serveAt(t, here, &web.Options{Proxies: proxies})
	for n, want := range []int{401, 401, 401, 401, 429, 429} {
		if got := ask(s, "203.0.113.1, 192.0.2.7, 198.51.100.9", "laptop.wrong"); got != want {
			t.Errorf("wrong token %d: %d, not %d", n+1, got, want)
		}
	}
	for range 40 { // who is kept out knocks, and the proxy is not to blame
		if got := ask(s, "192.0.2.7", s.token); got != 429 {
			t.Fatalf("who is kept out: %d", got)
		}
	}
	for _, from := range []string{"203.0.113.1", "192.0.2.8, 198.51.100.9", "[2001:db8::7]:1234"} {
		if got := ask(s, from, s.token); got != 200 {
			t.Errorf("%s, who did nothing: %d", from, got)
		}
	}
	other := serveAt(t, here, nil)
	for n := range 6 {
		if got := ask(other, fmt.Sprintf("192.0.2.%d", n), "laptop.wrong"); n < 4 && got != 401 || n > 4 && got != 0 {
			t.Errorf("somebody who says to be a proxy, %d: %d", n+1, got)
		}
	}
}

// So it is behind one that comes from another machine, with TLS, where it is to be believed.
//
// clause: K4
func TestNginxElsewhereKeepsOutWhoFails(t *testing.T) {
	here, there := elsewhere(t)
	if !there {
		return
	}
	s := serveAt(t, here, &web.Options{Hosts: []string{"lounge.example"}, Proxies: []netip.Prefix{netip.PrefixFrom(here, 32)}})
	keepsOutWhoFails(t, s, nginx(t, s, freePort(t), "", "proxy_pass http://localhost:"+s.port, "proxy_ssl_protocols TLSv1.3; proxy_pass https://"+s.tls))
}

// serveAt is serve, over TLS at an address.
func serveAt(t *testing.T, at netip.Addr, opts *web.Options) *served {
	return serveOn(t, probe.New(), opts, "sabir://"+at.String()+":0")
}

// elsewhere runs the test that asks again, in a network of its own in which it has an address that is not loopback;
// there is told of that one.
func elsewhere(t *testing.T) (here netip.Addr, there bool) {
	t.Helper()
	here = netip.MustParseAddr("10.77.0.1")
	if os.Getenv("SABIR_TEST_NETWORK") != "" {
		if err := settle(here); err != nil {
			t.Fatal("a network of our own: ", err)
		}
		return here, true
	}
	again := exec.Command(os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "SABIR_TEST_NETWORK=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := again.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		needed.Missing(t, "networks", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
	return here, false
}

// settle gives the network that we are in its loopback, and that an address more.
func settle(address netip.Addr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	at, err := unix.NewIfreq("lo:0")
	if err != nil {
		return err
	}
	if err := at.SetInet4Addr(address.AsSlice()); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, up); err != nil {
		return err
	}
	return unix.IoctlIfreq(s, unix.SIOCSIFADDR, at)
}
