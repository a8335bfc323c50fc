package transport

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"time"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// Identity is the key and certificate by which clients know a server, and those that will follow. It does not change
// while the process lives; any goroutine may use it.
type Identity struct {
	now  tls.Certificate
	next *tls.Certificate
}

// IdentityError says what is wrong with a file of keys. It was left as it is, because to make another is to become
// another to every client.
type IdentityError struct {
	Path, Reason string
}

func (e *IdentityError) Error() string { return e.Path + ": " + e.Reason }

// IdentityFile is the name of the file of keys.
const IdentityFile = "identity.pem"

// OpenIdentity reads the keys in IdentityFile in dir, which Env.ServiceDir made, and makes them if there are none. Of
// two daemons that start at once, one makes them and both have them.
func OpenIdentity(dir string) (*Identity, error) {
	return changeIdentity(dir, func(id *Identity) error { return nil })
}

// RotateIdentity makes the next certificate in dir the present one, and another one the next. It counts from the next
// start of the daemon; clients that were told of it by rpc.info go on as before. spec [K18]
func RotateIdentity(dir string) (*Identity, error) {
	return changeIdentity(dir, func(id *Identity) error {
		next, err := newCertificate()
		id.now, id.next = *id.next, next
		return err
	})
}

// NewIdentity is one that was made elsewhere, such as one of a certificate authority's: it has no next.
func NewIdentity(c tls.Certificate) (*Identity, error) {
	if len(c.Certificate) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil, err
	}
	if _, ok := endPoint(leaf); !ok {
		return nil, fmt.Errorf("tls-server-end-point is not defined for a certificate signed with %v", leaf.SignatureAlgorithm)
	}
	c.Leaf = leaf
	return &Identity{now: c}, nil
}

// Fingerprint is that of the present certificate.
func (id *Identity) Fingerprint() Fingerprint { return sha256.Sum256(id.now.Certificate[0]) }

// Next is the fingerprint of the certificate that will follow; zero if there is none.
func (id *Identity) Next() Fingerprint {
	if id.next == nil {
		return Fingerprint{}
	}
	return sha256.Sum256(id.next.Certificate[0])
}

func changeIdentity(dir string, edit func(*Identity) error) (id *Identity, err error) {
	path := filepath.Join(dir, IdentityFile)
	err = keep.Change(path, func(old []byte) ([]byte, error) {
		if old == nil {
			id, err = makeIdentity()
		} else {
			id, err = parseIdentity(path, old)
		}
		if err == nil {
			err = edit(id)
		}
		if err != nil {
			return nil, err
		}
		return id.format()
	})
	return id, err
}

func makeIdentity() (*Identity, error) {
	now, err := newCertificate()
	if err != nil {
		return nil, err
	}
	next, err := newCertificate()
	return &Identity{now: *now, next: next}, err
}

// newCertificate makes a P-256 key and signs its own certificate with it. Names and dates mean nothing here, so they
// are the same in all, and a clock that is years off does no harm.
func newCertificate() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: "sabir"},
		DNSNames:     []string{"sabir"},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// format writes key, certificate, next key, next certificate into one file, so that they change together.
func (id *Identity) format() ([]byte, error) {
	var out bytes.Buffer
	for _, c := range []*tls.Certificate{&id.now, id.next} {
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			return nil, err
		}
		pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	}
	return out.Bytes(), nil
}

func parseIdentity(path string, data []byte) (*Identity, error) {
	var found [2]*tls.Certificate
	for i := range found {
		var blocks [2]*pem.Block
		for j, kind := range []string{"PRIVATE KEY", "CERTIFICATE"} {
			blocks[j], data = pem.Decode(data)
			if blocks[j] == nil || blocks[j].Type != kind {
				return nil, &IdentityError{path, fmt.Sprintf("part %d of 4 is not %s in PEM", 2*i+j+1, kind)}
			}
		}
		c, err := tls.X509KeyPair(pem.EncodeToMemory(blocks[1]), pem.EncodeToMemory(blocks[0]))
		if err != nil {
			return nil, &IdentityError{path, err.Error()}
		}
		found[i] = &c
	}
	if len(bytes.TrimSpace(data)) > 0 {
		return nil, &IdentityError{path, "something after the fourth part"}
	}
	return &Identity{now: *found[0], next: found[1]}, nil
}

// endPoint is the channel binding tls-server-end-point of RFC 5929: the hash of the certificate that its signature
// uses, SHA-256 at least. Where a signature has no hash of its own, none is defined.
func endPoint(c *x509.Certificate) (binding []byte, ok bool) {
	switch c.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		sum := sha512.Sum384(c.Raw)
		return sum[:], true
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		sum := sha512.Sum512(c.Raw)
		return sum[:], true
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return nil, false
	}
	sum := sha256.Sum256(c.Raw)
	return sum[:], true
}
