package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/pb/pbgrpc"
)

// gRPC with its own TLS over TCP on loopback, the certificate as the only authority: the file at path has the address
// and the certificate.

func serveTLS(path string) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(limit), grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
	})))
	pbgrpc.RegisterBenchServer(s, server{})
	known := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := load.WriteWhole(path, l.Addr().String()+"\n"+string(known)); err != nil {
		return err
	}
	return s.Serve(l)
}

func dialTLS(path string) (load.Client, error) {
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
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit)))
	if err != nil {
		return nil, err
	}
	return client{c, pbgrpc.NewBenchClient(c)}, nil
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
