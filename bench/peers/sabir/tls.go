package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/auth"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
	"github.com/sabir-ipc/sabir/transport"
)

// Sabir as another machine has it: TLS, the certificate pinned, each connection authenticated. The file at path says
// where the server is and how it is known.

func dialTLS(cbor bool) func(path string) (load.Client, error) {
	return func(path string) (load.Client, error) {
		url, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, err := sabir.Dial(context.Background(), string(url), &sabir.DialOptions{
			CBOR: cbor, Limits: service.Limits, Log: slog.New(slog.DiscardHandler), KnownHosts: &transport.KnownHosts{Path: path + ".known"},
		})
		if err != nil {
			return nil, err
		}
		return &service.Client{Client: c}, nil
	}
}

// serveTLS listens on a unix socket beside path too, with the limits that everybody has who asks for no others.
func serveTLS(path string) error {
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
	err = sabir.ListenAndServe(ctx, path+".sock", service.New(0), &sabir.ServeOptions{
		Log: slog.New(slog.DiscardHandler), Identity: identity, Credentials: store, Listen: []string{"sabir://127.0.0.1:0"},
		Ready: func(all []transport.Address) {
			at := all[1].WithPairing(transport.Pairing{Pin: identity.Fingerprint(), ID: token.ID, Secret: secret.Reveal()})
			if failed = load.WriteWhole(path, at.String()); failed != nil {
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
