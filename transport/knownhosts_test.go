package transport

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func fingerprint(t testing.TB, text string) Fingerprint {
	t.Helper()
	f, err := ParseFingerprint(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// clause: K17, K19
func TestKnownHosts(t *testing.T) {
	one, two := fingerprint(t, someFingerprint), fingerprint(t, otherFingerprint)
	k := &KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
	if all, err := k.All(); len(all) != 0 || err != nil {
		t.Errorf("no file: %v, %v", all, err)
	}
	text := "# Ann's machines\nfar.example:7224 " + someFingerprint + "\n\n[fe80::1%eth0]:1   " + otherFingerprint + " " + someFingerprint + "\n"
	if err := os.WriteFile(k.Path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if host, ok, err := k.Lookup("[fe80::1%eth0]:1"); host != (KnownHost{"[fe80::1%eth0]:1", two, one}) || !ok || err != nil {
		t.Errorf("%+v, %v, %v", host, ok, err)
	}
	var changed *CertificateError
	if err := k.Learn(Shown{"far.example:7224", two, ByNothing}, Fingerprint{}); !errors.As(err, &changed) {
		t.Errorf("learnt another certificate: %v", err)
	}
	for _, step := range []error{
		k.Learn(Shown{"new.example:1", one, ByNothing}, two),
		k.Learn(Shown{"far.example:7224", one, ByKnownHost}, two),
		k.Learn(Shown{"[fe80::1%eth0]:1", one, ByNext}, Fingerprint{}),
	} {
		if step != nil {
			t.Error(step)
		}
	}
	if was, err := k.Forget("nobody:1"); was || err != nil {
		t.Error(was, err)
	}
	want := "# Ann's machines\nfar.example:7224 " + someFingerprint + " " + otherFingerprint + "\n\n[fe80::1%eth0]:1 " + someFingerprint +
		"\nnew.example:1 " + someFingerprint + " " + otherFingerprint + "\n"
	if got, _ := os.ReadFile(k.Path); string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if err := k.Accept("far.example:7224", two); err != nil {
		t.Error(err)
	}
	if host, _, _ := k.Lookup("far.example:7224"); host != (KnownHost{HostPort: "far.example:7224", Pin: two}) {
		t.Errorf("%+v", host)
	}
	if was, err := k.Forget("new.example:1"); !was || err != nil {
		t.Error(was, err)
	}
	if info, err := os.Lstat(k.Path); err != nil || info.Mode() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// A line that is not understood is an error, not a server that nobody knows.
//
// clause: K19
func TestKnownHostsFaults(t *testing.T) {
	good := "far.example:7224 " + someFingerprint + "\n"
	for text, want := range map[string]string{
		good + "far.example:7224 " + otherFingerprint: "f:2: far.example:7224 is already above",
		good + "near": "f:2: is not HOST:PORT FINGERPRINT [NEXT]",
		good + "near:1 " + someFingerprint + " " + someFingerprint + " x": "f:2: is not HOST:PORT FINGERPRINT [NEXT]",
		"Far:1 " + someFingerprint:                                        `f:1: "Far:1" is not host:port in lower case`,
		"far " + someFingerprint:                                          `f:1: "far" is not host:port in lower case`,
		"far:1/x " + someFingerprint:                                      `f:1: "far:1/x" is not host:port in lower case`,
		"far:1 x":                                                         `f:1: "x" is no fingerprint: 43 characters of A-Z a-z 0-9 - _`,
		"far:1 " + someFingerprint + " short":                             `f:1: "short" is no fingerprint: 43 characters of A-Z a-z 0-9 - _`,
		"far:1 " + strings.Repeat("A", 43):                                `f:1: "` + strings.Repeat("A", 43) + `" is the fingerprint of nothing`,
	} {
		if _, err := (&KnownHosts{"f"}).parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	k := &KnownHosts{filepath.Join(t.TempDir(), "known_hosts")}
	if err := os.WriteFile(k.Path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var fault *KnownHostsError
	if err := k.Accept("far:1", fingerprint(t, someFingerprint)); !errors.As(err, &fault) {
		t.Error(err)
	}
	opts := &TCPDialOptions{KnownHosts: k}
	if _, err := opts.trust("far:1", Fingerprint{}, fingerprint(t, someFingerprint)); !errors.As(err, &fault) {
		t.Errorf("met as if for the first time: %v", err)
	}
	if got, _ := os.ReadFile(k.Path); string(got) != "nonsense\n" {
		t.Errorf("changed to %q", got)
	}
}

// clause: K19
func TestKnownHostsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "known_hosts")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := (&KnownHosts{path}).Accept(fmt.Sprintf("host%d:1", i), Fingerprint{1}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if hosts, err := (&KnownHosts{path}).All(); len(hosts) != 20 || err != nil {
		t.Errorf("%d hosts, %v", len(hosts), err)
	}
}

func TestHostPort(t *testing.T) {
	for text, want := range map[string]string{
		"sabir://Far.Example": "far.example:7224", "sabir://far:1": "far:1", "sabir://[::1]/x": "[::1]:7224", "tcp:[::1]:4": "[::1]:4",
	} {
		a, err := Parse(text)
		if err != nil || a.HostPort() != want {
			t.Errorf("%s: %s, %v", text, a.HostPort(), err)
		}
	}
}
