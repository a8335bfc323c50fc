package auth

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func openStore(t testing.TB) *Store {
	t.Helper()
	s, err := OpenStore(filepath.Join(t.TempDir(), "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	s.cost = 2 * TokenIterations
	return s
}

// login plays a whole exchange over a binding that both sides see, and returns the server's side of it.
func login(store *Store, id string, secret Secret, clientSees, serverSees []byte) (*Exchange, *Credential, error) {
	x := NewExchange(store, serverSees)
	c := NewClient(id, secret, clientSees)
	first, _, err := x.Step(MechanismFor(clientSees), c.First())
	if err != nil {
		return x, nil, err
	}
	final, err := c.Final(first)
	if err != nil {
		return x, nil, err
	}
	last, who, err := x.Step("", final)
	if err != nil {
		return x, nil, err
	}
	return x, who, c.Verify(last)
}

var here = []byte("the certificate of this connection")

// clause: K1, K5
func TestLogin(t *testing.T) {
	store := openStore(t)
	only, err := ParseGlobs("lounge.*")
	if err != nil {
		t.Fatal(err)
	}
	token, secret, err := store.AddToken(NewCredential{Name: "laptop", Rights: Rights{"write", only}})
	if err != nil {
		t.Fatal(err)
	}
	password, err := NewPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SetPassword(password, NewCredential{Name: "ann", Rights: Rights{Level: "read"}}); err != nil {
		t.Fatal(err)
	}
	for _, binding := range [][]byte{nil, here} {
		_, who, err := login(store, token.ID, secret, binding, binding)
		if err != nil || who.Name != "laptop" || who.Level != "write" || !who.Covers("lounge.say") || who.Covers("probe.say") {
			t.Errorf("%+v, %v", who, err)
		}
		if _, who, err := login(store, "ann", password, binding, binding); err != nil || who.Level != "read" {
			t.Errorf("%+v, %v", who, err)
		}
		if _, _, err := login(store, "ann", secret, binding, binding); !errors.Is(err, ErrRefused) {
			t.Errorf("the secret of another: %v", err)
		}
	}
	// A relay with a certificate of its own, and one that takes TLS away.
	if _, _, err := login(store, token.ID, secret, []byte("the relay's"), here); !errors.Is(err, ErrRefused) {
		t.Errorf("through a relay: %v", err)
	}
	if _, _, err := login(store, token.ID, secret, nil, here); !errors.Is(err, ErrRefused) {
		t.Errorf("without binding: %v", err)
	}
	all, err := store.All()
	if err != nil || len(all) != 2 || all[1].Name != "laptop" || time.Since(all[1].Used) > time.Minute {
		t.Errorf("%+v, %v", all, err)
	}
}

// Whoever asks for an id learns nothing by the answer: there, not there, revoked, expired and made anew look alike.
//
// clause: K6, K8
func TestNoOracle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		ask := func(id string) (iterations, salt string) {
			c := NewClient(id, KnownSecret("a guess"), here)
			x := NewExchange(store, here)
			answer, _, err := x.Step(ScramPlus, c.First())
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(answer, ",s=")
			salt, iterations, _ = strings.Cut(rest, ",i=")
			proof, err := c.Final(answer)
			if err != nil {
				t.Fatal(err)
			}
			if _, who, err := x.Step("", proof); !errors.Is(err, ErrRefused) || who != nil {
				t.Errorf("%s: let in %v, %v", id, who, err)
			}
			return iterations, salt
		}
		token, _, err := store.AddToken(NewCredential{Name: "x", Rights: Rights{Level: "read"}, For: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		iterations, salt := ask(token.ID)
		if iterations != "4096" {
			t.Errorf("%s iterations", iterations)
		}
		same := func(when string) {
			t.Helper()
			if i, s := ask(token.ID); i != iterations || s != salt {
				t.Errorf("%s: %s, %s instead of %s, %s", when, i, s, iterations, salt)
			}
		}
		time.Sleep(2 * time.Hour)
		same("expired")
		if err := store.Revoke(token.ID); err != nil {
			t.Fatal(err)
		}
		same("revoked")
		again, err := OpenStore(store.path)
		if err != nil {
			t.Fatal(err)
		}
		store = again
		same("after a restart")
		if i, s := ask("2nobodyatall"); i != "4096" || s == salt || len(s) != len(salt) {
			t.Errorf("never there: %s, %s", i, s)
		}

		before, _ := ask("ann")
		if before != "600000" {
			t.Errorf("somebody without password: %s iterations", before)
		}
	})
}

// clause: K5, K6, K10
func TestExchangeRefuses(t *testing.T) {
	store := openStore(t)
	token, secret, err := store.AddToken(NewCredential{Name: "x", Rights: Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(token.ID, secret, nil)
	for name, try := range map[string]func(x *Exchange) error{
		"no mechanism":      func(x *Exchange) error { _, _, err := x.Step("", c.First()); return err },
		"another mechanism": func(x *Exchange) error { _, _, err := x.Step(ScramPlus, c.First()); return err },
		"changing it": func(x *Exchange) error {
			answer, _, err := x.Step(Scram, c.First())
			if err != nil {
				t.Error(err)
			}
			final, _ := c.Final(answer)
			_, _, err = x.Step(ScramPlus, final)
			return err
		},
		"trading nothing": func(x *Exchange) error { _, _, err := x.Pair("laptop"); return err },
		"no text":         func(x *Exchange) error { _, _, err := x.Step(Scram, ""); return err },
		"long text":       func(x *Exchange) error { _, _, err := x.Step(Scram, strings.Repeat("n", 2000)); return err },
	} {
		x := NewExchange(store, nil)
		if err := try(x); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "trading nothing" {
			continue
		}
		// Nothing brings it back.
		if _, who, err := x.Step(Scram, c.First()); !errors.Is(err, ErrRefused) || who != nil {
			t.Errorf("%s, then a good one: %v, %v", name, who, err)
		}
	}
	x, who, err := login(store, token.ID, secret, nil, nil)
	if err != nil || who == nil {
		t.Fatal(err)
	}
	if _, who, err := x.Step(Scram, c.First()); !errors.Is(err, ErrRefused) || who != nil {
		t.Errorf("twice on one connection: %v, %v", who, err)
	}
	if _, _, err := x.Pair("laptop"); !errors.Is(err, ErrRefused) {
		t.Errorf("a credential that is no pairing token was traded: %v", err)
	}
}

// clause: K13
func TestPairing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		once, secret, err := store.AddOnce(NewCredential{Rights: Rights{Level: "write"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := login(store, once.ID, KnownSecret("wrong"), here, here); !errors.Is(err, ErrRefused) {
			t.Fatalf("a wrong proof: %v", err)
		}
		time.Sleep(5*time.Minute - time.Second)
		x, who, err := login(store, once.ID, secret, here, here) // a wrong proof did not spend it
		if err != nil || who.Kind != Once {
			t.Fatalf("%+v, %v", who, err)
		}
		if _, _, err := login(store, once.ID, secret, here, here); !errors.Is(err, ErrRefused) {
			t.Errorf("twice: %v", err)
		}
		if _, _, err := x.Pair("My Laptop"); err != ErrName {
			t.Errorf("a bad name: %v", err)
		}
		made, madeSecret, err := x.Pair("laptop")
		if err != nil || made.Name != "laptop" || made.Level != "write" || made.Kind != Token || !made.Expires.IsZero() {
			t.Fatalf("%+v, %v", made, err)
		}
		if _, _, err := x.Pair("laptop"); !errors.Is(err, ErrRefused) {
			t.Errorf("traded twice: %v", err)
		}
		if _, who, err := login(store, made.ID, madeSecret, here, here); err != nil || who.Name != "laptop" {
			t.Errorf("%+v, %v", who, err)
		}

		named, secret, err := store.AddOnce(NewCredential{Name: "laptop", Rights: Rights{Level: "read"}})
		if err != nil {
			t.Fatal(err)
		}
		x, _, err = login(store, named.ID, secret, here, here)
		if err != nil {
			t.Fatal(err)
		}
		if second, _, err := x.Pair("whatever it says"); err != nil || second.Name != "laptop-2" {
			t.Errorf("%+v, %v", second, err)
		}

		late, secret, err := store.AddOnce(NewCredential{Rights: Rights{Level: "read"}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		if _, _, err := login(store, late.ID, secret, here, here); !errors.Is(err, ErrRefused) {
			t.Errorf("after five minutes: %v", err)
		}
	})
}

// clause: K13
func TestPairingAtOnce(t *testing.T) {
	store := openStore(t)
	other, err := OpenStore(store.path) // as another process has it
	if err != nil {
		t.Fatal(err)
	}
	once, secret, err := store.AddOnce(NewCredential{Rights: Rights{Level: "write"}})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	won := make(chan error, 16)
	for i := range cap(won) {
		all.Go(func() {
			_, _, err := login([]*Store{store, other}[i%2], once.ID, secret, here, here)
			won <- err
		})
	}
	all.Wait()
	close(won)
	wins := 0
	for err := range won {
		switch {
		case err == nil:
			wins++
		case !errors.Is(err, ErrRefused):
			t.Error(err)
		}
	}
	if wins != 1 {
		t.Errorf("%d of %d won", wins, cap(won))
	}
}

// clause: K2, K10, K13
func TestAdmits(t *testing.T) {
	store := openStore(t)
	token, secret := addToken(t, store, "laptop", "admin")
	once, onceSecret, err := store.AddOnce(NewCredential{Name: "phone", Rights: Rights{Level: "admin"}})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when string, x *Exchange, want ...string) {
		t.Helper()
		var got []string
		for _, method := range []string{"rpc.auth", "rpc.info", "rpc.ping", "rpc.pair", "rpc.describe", "lounge.say", ""} {
			if x.Admits(method) {
				got = append(got, method)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: admits %q, want %q", when, got, want)
		}
	}
	x := NewExchange(store, here)
	expect("at first", x, "rpc.auth")
	if _, _, err := x.Step(ScramPlus, NewClient(token.ID, secret, here).First()); err != nil {
		t.Fatal(err)
	}
	expect("in between", x, "rpc.auth")
	if _, _, err := x.Step("", "c=,r=,p="); err == nil {
		t.Error("an empty proof was right")
	}
	expect("refused", x)
	x, _, err = login(store, token.ID, secret, here, here)
	if err != nil {
		t.Fatal(err)
	}
	expect("known", x, "rpc.info", "rpc.ping", "rpc.pair", "rpc.describe", "lounge.say", "")
	x, _, err = login(store, once.ID, onceSecret, here, here)
	if err != nil {
		t.Fatal(err)
	}
	expect("with a pairing token", x, "rpc.info", "rpc.ping", "rpc.pair")
	if _, _, err := x.Pair(""); err != nil {
		t.Fatal(err)
	}
	expect("paired", x, "rpc.info", "rpc.ping")
}

// The log tells a credential that was revoked or has expired from one whose secret is tried, and the peer hears the same.
//
// clause: K6
func TestRefusalsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		made := func(n NewCredential) (Credential, Secret) {
			c, secret, err := store.AddToken(n)
			if err != nil {
				t.Fatal(err)
			}
			return c, secret
		}
		there, thereSecret := made(NewCredential{Name: "there", Rights: Rights{Level: "read"}})
		old, oldSecret := made(NewCredential{Name: "old", Rights: Rights{Level: "read"}, For: time.Hour})
		gone, goneSecret := made(NewCredential{Name: "gone", Rights: Rights{Level: "read"}})
		if err := store.Revoke(gone.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		for _, test := range []struct {
			id     string
			secret Secret
			proof  string
			bearer string
		}{
			{there.ID, oldSecret, "wrong proof", "not the secret of a token"},
			{old.ID, oldSecret, "it has expired", "it has expired"},
			{gone.ID, goneSecret, "no credential has this id", "no credential has this id"},
			{"7never", thereSecret, "no credential has this id", "no credential has this id"},
		} {
			_, _, err := login(store, test.id, test.secret, here, here)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.proof) {
				t.Errorf("%s: %v, expected %s", test.id, err, test.proof)
			}
			_, err = store.Bearer(KnownSecret(test.id + "." + test.secret.Reveal()))
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.bearer) {
				t.Errorf("%s: %v, expected %s", test.id, err, test.bearer)
			}
		}
	})
}
