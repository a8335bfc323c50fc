package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/bench/pb/pbgrpc"
	"github.com/sabir-ipc/sabir/transport"
)

// What TLS 1.3 costs, over TCP on loopback: the file at path says where the server is and how it is known.

// sabirTLS is Sabir as another machine has it: TLS, the certificate pinned, each connection authenticated.
func sabirTLS(name string, cbor bool) *peer {
	return &peer{
		name:  name,
		note:  "this project over TLS, authenticated",
		works: []string{"unary", "flight", "sub1", "blob", "hostile"},
		apart: true,
		serve: serveSabirTLS,
		dial: func(path string) (client, error) {
			url, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			c, err := sabir.Dial(context.Background(), string(url), &sabir.DialOptions{
				CBOR: cbor, Limits: sabirLimits, Log: slog.New(slog.DiscardHandler), KnownHosts: &transport.KnownHosts{Path: path + ".known"},
			})
			if err != nil {
				return nil, err
			}
			return &sabirClient{Client: c}, nil
		},
	}
}

// serveSabirTLS listens on a unix socket beside path too, with the limits that everybody has who asks for no others.
func serveSabirTLS(path string) error {
	state := path + ".state"
	identity, err := identityIn(state)
	if err != nil {
		return err
	}
	store, err := auth.OpenStore(filepath.Join(state, sabir.CredentialsFile))
	if err != nil {
		return err
	}
	token, secret, err := store.AddToken(auth.NewCredential{Name: "bench", Rights: auth.Rights{Level: "admin"}})
	if err != nil {
		return err
	}
	var failed error
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err = sabir.ListenAndServe(ctx, path+".sock", benchService(0), &sabir.ServeOptions{
		Log: slog.New(slog.DiscardHandler), Identity: identity, Credentials: store, Listen: []string{"sabir://127.0.0.1:0"},
		Ready: func(all []transport.Address) {
			at := all[1].WithPairing(transport.Pairing{Pin: identity.Fingerprint(), ID: token.ID, Secret: secret.Reveal()})
			if failed = writeWhole(path, at.String()); failed != nil {
				cancel()
			}
		},
	})
	return errors.Join(err, failed)
}

func identityIn(dir string) (*transport.Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return transport.OpenIdentity(dir)
}

// grpcTLS is gRPC with its own TLS, the certificate as the only authority.
var grpcTLS = &peer{
	name:  "grpc-tls",
	note:  "google.golang.org/grpc over TLS",
	works: []string{"unary", "flight", "sub1", "blob"},
	apart: true,
	serve: func(path string) error {
		certificate, err := selfSigned()
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s := grpc.NewServer(grpc.MaxRecvMsgSize(grpcLimit), grpc.Creds(credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
		})))
		pbgrpc.RegisterBenchServer(s, grpcServer{})
		known := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
		if err := writeWhole(path, l.Addr().String()+"\n"+string(known)); err != nil {
			return err
		}
		return s.Serve(l)
	},
	dial: func(path string) (client, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		at, known, _ := bytes.Cut(text, []byte("\n"))
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(known) {
			return nil, errors.New("no certificate")
		}
		c, err := grpc.NewClient(string(at), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(grpcLimit)))
		if err != nil {
			return nil, err
		}
		return grpcClient{c, pbgrpc.NewBenchClient(c)}, nil
	},
}

// selfSigned makes a key and certificate of the kind that Sabir makes.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	as := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, as, as, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
