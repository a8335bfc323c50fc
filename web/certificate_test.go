package web_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/examples/probe"
)

// Who shows a certificate in TLS is known by it, in requests without a bearer and in a WebSocket, until it is revoked.
//
// clause: H2, H11, K12
func TestClientCertificate(t *testing.T) {
	s := serve(t, probe.New(), nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	who, err := s.store.AddCertificate(sha256.Sum256(der), auth.NewCredential{Name: "hub", Rights: auth.Rights{Level: "write"}})
	if err != nil {
		t.Fatal(err)
	}
	dial := func() *kept {
		conn, err := tls.Dial("tcp", s.tls, &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		return &kept{conn, bufio.NewReader(conn)}
	}
	get := func(conn *kept, more string) int {
		t.Helper()
		fmt.Fprintf(conn, "GET /probe.echo?text=x HTTP/1.1\r\nHost: localhost\r\n%s\r\n", more)
		answer, err := http.ReadResponse(conn.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	plain, mixed, socket := dial(), dial(), dial()
	if got := get(plain, ""); got != http.StatusOK {
		t.Errorf("by the certificate: %d", got)
	}
	if a, b := get(mixed, ""), get(mixed, "Authorization: Bearer "+s.token+"\r\n"); a != http.StatusOK || b != http.StatusOK {
		t.Errorf("by the certificate and by a bearer: %d, %d", a, b)
	}
	io.WriteString(socket, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if answer, err := http.ReadResponse(socket.r, nil); err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(answer, err)
	}
	const ping = `{"id":1,"method":"rpc.ping"}`
	socket.Write(append([]byte{0x81, 0x80 | byte(len(ping)), 0, 0, 0, 0}, ping...))
	if head, err := socket.r.ReadString('}'); err != nil || head[2:] != `{"id":1,"result":{}` {
		t.Errorf("in a WebSocket: %q, %v", head, err)
	}
	if err := s.store.Revoke(who.ID); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]*kept{"plain": plain, "mixed": mixed, "socket": socket} {
		if _, err := io.Copy(io.Discard, conn.r); err != nil {
			t.Errorf("%s, after it was revoked: %v", name, err)
		}
	}
}
