package foreign_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/transport"
)

var errDenied = errors.New("denied")

// login is our own client's way in: nothing is believed and entered before the proof.
func login(t *testing.T, at transport.Address, p transport.Pairing, known *transport.KnownHosts) error {
	t.Helper()
	c, err := transport.DialTCP(t.Context(), at.WithPairing(p), &transport.TCPDialOptions{KnownHosts: known})
	if err != nil {
		return err
	}
	defer c.Close()
	lines := bufio.NewScanner(c)
	step := func(id int, data string) (string, error) {
		fmt.Fprintf(c, `{"id":%d,"method":"rpc.auth","params":{"mechanism":%q,"data":%q}}`+"\n", id, auth.MechanismFor(c.Binding()), data)
		var answer struct {
			Result struct{ Data string }
			Error  any
		}
		if !lines.Scan() {
			return "", errDenied
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil || answer.Error != nil {
			return "", errors.Join(errDenied, err)
		}
		return answer.Result.Data, nil
	}
	a := auth.NewClient(p.ID, auth.KnownSecret(p.Secret), c.Binding())
	answer, err := step(1, a.First())
	if err != nil {
		return err
	}
	final, err := a.Final(answer)
	if err != nil {
		return err
	}
	answer, err = step(2, final)
	if err != nil {
		return err
	}
	if err := a.Verify(answer); err != nil {
		return err
	}
	shown, _ := c.Shown()
	return known.Learn(shown, transport.Fingerprint{})
}

// Somebody with a certificate of his own, between a client and its daemon, gets neither at first use, nor where the
// client has a pin or knows the host, and he is not entered as known.
//
// clause: K16, K17
func TestRelay(t *testing.T) {
	d := open(t)
	at, pinned := d.token(t)
	relay := d.relay(t)
	unpinned := pinned
	unpinned.Pin = transport.Fingerprint{}
	known := &transport.KnownHosts{Path: filepath.Join(t.TempDir(), "known_hosts")}

	var changed *transport.CertificateError
	if err := login(t, relay, pinned, known); !errors.As(err, &changed) || changed.By != transport.ByAddress {
		t.Errorf("with a pin: %v", err)
	}
	if err := login(t, relay, unpinned, known); !errors.Is(err, errDenied) {
		t.Errorf("first use: %v", err)
	}
	if hosts, err := known.All(); len(hosts) != 0 || err != nil {
		t.Errorf("the relay is known now: %+v, %v", hosts, err)
	}
	if err := login(t, at, unpinned, known); err != nil {
		t.Fatal(err)
	}
	host, ok, err := known.Lookup(at.HostPort())
	if host.Pin != d.identity.Fingerprint() || !ok || err != nil {
		t.Errorf("%+v, %v, %v", host, ok, err)
	}
	// The relay takes the daemon's place, as by ARP or DNS: for the client it is the same host and port.
	if err := known.Accept(relay.HostPort(), host.Pin); err != nil {
		t.Fatal(err)
	}
	if err := login(t, relay, unpinned, known); !errors.As(err, &changed) || changed.By != transport.ByKnownHost {
		t.Errorf("with a known host: %v", err)
	}
}
