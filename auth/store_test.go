package auth

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir/internal/keep"
)

func addToken(t testing.TB, s *Store, name, level string) (Credential, Secret) {
	t.Helper()
	c, secret, err := s.AddToken(NewCredential{Name: name, Rights: Rights{Level: level}})
	if err != nil {
		t.Fatal(err)
	}
	return c, secret
}

// clause: K12
func TestRevocationActsWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t)
		stays, _ := addToken(t, store, "stays", "read")
		revoked, secret := addToken(t, store, "revoked", "read")
		password, err := NewPassword("correct horse")
		if err != nil {
			t.Fatal(err)
		}
		set := func(level string) {
			if _, err := store.SetPassword(password, NewCredential{Name: "ann", Rights: Rights{Level: level}}); err != nil {
				t.Fatal(err)
			}
		}
		set("write")
		ends, _, err := store.AddToken(NewCredential{Name: "ends", Rights: Rights{Level: "read"}, For: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan string, 8)
		done := make(chan struct{})
		go func() {
			store.Follow(ctx, func(id string) { gone <- id })
			close(done)
		}()
		expect := func(when string, ids ...string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			var got []string
			for len(gone) > 0 {
				got = append(got, <-gone)
			}
			if slices.Sort(got); !slices.Equal(got, ids) {
				t.Errorf("%s: gone %q, want %q", when, got, ids)
			}
		}
		expect("nothing happened")
		if _, _, err := login(store, stays.ID, secret, nil, nil); err == nil {
			t.Error("in by another's secret")
		}
		expect("a failed try")
		other, err := OpenStore(store.path) // another process
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Revoke(revoked.ID); err != nil {
			t.Fatal(err)
		}
		if _, _, err := login(store, revoked.ID, secret, nil, nil); !errors.Is(err, ErrRefused) || store.Valid(revoked) {
			t.Errorf("revoked: %v, valid %v", err, store.Valid(revoked))
		}
		expect("revoked", revoked.ID)
		set("read")
		expect("another level", "ann")
		time.Sleep(time.Minute)
		expect("expired", ends.ID)
		if !store.Valid(stays) || store.Valid(ends) || store.Valid(Credential{}) {
			t.Error("valid: wrong")
		}
		good, err := os.ReadFile(store.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(store.path, []byte("nonsense\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		expect("unreadable")
		if err := os.WriteFile(store.path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		expect("readable again")
		if err := os.Remove(store.path); err != nil {
			t.Fatal(err)
		}
		expect("file removed", stays.ID, "ann")
		cancel()
		<-done
	})
}

func TestStoreLetsNobodyInWhenItCannotBeRead(t *testing.T) {
	store := openStore(t)
	c, secret := addToken(t, store, "laptop", "write")
	good, err := os.ReadFile(store.path)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(good), "level=write", "level=root", 1)
	if err := os.WriteFile(store.path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"login":  func() error { _, _, err := login(store, c.ID, secret, nil, nil); return err },
		"bearer": func() error { _, err := store.Bearer(KnownSecret(c.ID + "." + secret.Reveal())); return err },
		"add": func() error {
			_, _, err := store.AddToken(NewCredential{Name: "x", Rights: Rights{Level: "read"}})
			return err
		},
		"revoke": func() error { return store.Revoke(c.ID) },
		"open":   func() error { _, err := OpenStore(store.path); return err },
	} {
		var fault *FileError
		if err := try(); !errors.As(err, &fault) || fault.Line != 4 || fault.Reason != `level "root" is none of read, write, admin` || errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := os.ReadFile(store.path); string(now) != bad || err != nil {
		t.Errorf("the file was changed: %v\n%s", err, now)
	}
	if err := os.WriteFile(store.path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(store.path, 0o644); err != nil {
		t.Fatal(err)
	}
	var unsafe *keep.UnsafeError
	if _, _, err := login(store, c.ID, secret, nil, nil); !errors.As(err, &unsafe) {
		t.Errorf("open to all: %v", err)
	}
}

func TestFileFaults(t *testing.T) {
	const seed = "seed AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
	const token = "token id=2a name=x level=read salt=AAECAwQFBgc= iterations=4096 stored=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= server=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= created=2026-11-23T10:00:00Z\n"
	head := heading + "\n"
	if _, err := parse("f", []byte(head+seed+token)); err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) string { return head + seed + strings.Replace(token, old, new, 1) }
	for text, want := range map[string]string{
		"":                                             "f:0: ends without a seed",
		"sabir-credentials 2\n" + seed:                 `f:1: is not "sabir-credentials 1"; it is no file of credentials, or one of another version`,
		head + token:                                   "f:2: ends without a seed",
		head + seed + seed:                             "f:3: seed is not 32 bytes of base64, once",
		head + seed + token[:len(token)-1]:             "f:3: the last line is not whole",
		head + seed + token + token:                    `f:4: id "2a" is already on line 3`,
		change("level=read", "level="):                 `f:3: level "" is none of read, write, admin`,
		change("level=read", "power=read"):             "f:3: power=read is no field of a credential, or no value for it",
		change("level=read", "level"):                  `f:3: "level" is not key=value, once`,
		change("name=x", "name=x name=y"):              `f:3: "name=y" is not key=value, once`,
		change("token", "card"):                        `f:3: unknown kind "card"`,
		change("token", "once"):                        "f:3: a pairing token without end",
		change("token", "certificate"):                 "f:3: no fingerprint",
		change("token", "password"):                    `f:3: id "2a": that of a password begins with a letter`,
		change("id=2a", "id=ann"):                      `f:3: id "ann": that of a token begins with a digit`,
		change("id=2a", "id=2A"):                       `f:3: id "2A" has other characters than a-z 0-9 . _ -, or not 1 to 64`,
		change("name=x", "name=X"):                     `f:3: name "X" has other characters than a-z 0-9 . _ -, or not 1 to 64`,
		change("iterations=4096", ""):                  "f:3: iterations are not from 4096 to 1000000",
		change("salt=AAECAwQFBgc=", ""):                "f:3: no keys",
		change("salt=AAECAwQFBgc=", "salt=x"):          "f:3: salt=x is no field of a credential, or no value for it",
		change("created=2026", "created=26"):           "f:3: created=26-11-23T10:00:00Z is no field of a credential, or no value for it",
		change("level=read", "level=read only=lounge"): "f:3: only=lounge is no field of a credential, or no value for it",
	} {
		if _, err := parse("f", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q\n%v, want\n%s", text, err, want)
		}
	}
}

// What people wrote into the file is there after a change, and what is read is written again as it was.
func TestFileKeepsWhatItHas(t *testing.T) {
	store := openStore(t)
	addToken(t, store, "laptop", "admin")
	if _, err := store.AddCertificate([32]byte{1}, NewCredential{Name: "hub", Rights: Rights{"write", []Glob{"lounge.*", "*.status"}}, For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(store.path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), "token ", "\n# Ann's, do not touch.\ntoken ", 1)
	if err := os.WriteFile(store.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	added, _ := addToken(t, store, "phone", "read")
	if err := store.Revoke(added.ID); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(store.path); string(now) != text || err != nil {
		t.Errorf("%v\n%s\nwant\n%s", err, now, text)
	}
	if err := store.Revoke(added.ID); !errors.Is(err, ErrNoCredential) {
		t.Errorf("revoked twice: %v", err)
	}
}

// clause: K1
func TestBearerAndCertificate(t *testing.T) {
	store := openStore(t)
	token, secret := addToken(t, store, "laptop", "write")
	if c, err := store.Bearer(KnownSecret(token.ID + "." + secret.Reveal())); err != nil || c.Name != "laptop" {
		t.Errorf("%+v, %v", c, err)
	}
	once, onceSecret, err := store.AddOnce(NewCredential{Rights: Rights{Level: "read"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.SetPassword(KnownSecret("12345678"), NewCredential{Name: "ann", Rights: Rights{Level: "read"}}); err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{"", ".", token.ID, token.ID + ".", token.ID + ".x", "2x." + secret.Reveal(), secret.Reveal(), "ann.12345678", once.ID + "." + onceSecret.Reveal()} {
		if _, err := store.Bearer(KnownSecret(shown)); !errors.Is(err, ErrRefused) {
			t.Errorf("bearer %q: %v", shown, err)
		}
	}
	hub, err := store.AddCertificate([32]byte{1, 2}, NewCredential{Name: "hub", Rights: Rights{Level: "admin"}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := store.ByCertificate([32]byte{1, 2}); err != nil || c.ID != hub.ID {
		t.Errorf("%+v, %v", c, err)
	}
	for _, fingerprint := range [][32]byte{{}, {1, 2, 3}} {
		if _, err := store.ByCertificate(fingerprint); !errors.Is(err, ErrRefused) {
			t.Errorf("certificate %v: %v", fingerprint[:3], err)
		}
	}
	if _, _, err := login(store, hub.ID, KnownSecret(""), nil, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("SCRAM for a certificate: %v", err)
	}
}

func TestStoreRefusesBadCredentials(t *testing.T) {
	store := openStore(t)
	for want, n := range map[string]NewCredential{
		`level "" is none`:      {Name: "x"},
		`level "root" is none`:  {Name: "x", Rights: Rights{Level: "root"}},
		`name "" has other`:     {Rights: Rights{Level: "read"}},
		`name "a b" has other`:  {Name: "a b", Rights: Rights{Level: "read"}},
		`name "a\nb" has other`: {Name: "a\nb", Rights: Rights{Level: "read"}},
	} {
		if _, _, err := store.AddToken(n); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if _, err := store.SetPassword(KnownSecret("12345678"), NewCredential{Name: "2ann", Rights: Rights{Level: "read"}}); err != ErrName {
		t.Errorf("a person's name that looks like a token's id: %v", err)
	}
	if all, err := store.All(); len(all) != 0 || err != nil {
		t.Errorf("%+v, %v", all, err)
	}
}

// clause: K11
func TestGlobs(t *testing.T) {
	tests := []struct {
		only, member string
		want         bool
	}{
		{"", "lounge.say", true},
		{"lounge.say", "lounge.say", true},
		{"lounge.say", "lounge.says", false},
		{"lounge.*", "lounge.say", true},
		{"lounge.*", "lounge2.say", false},
		{"l*.s*y", "lounge.say", true},
		{"*.s*a*y", "lounge.say", true},
		{"*.s*y*y", "lounge.say", false},
		{"*.*", "lounge.say", true},
		{"*.*", "lounge", true},
		{"*.status", "lounge.status", true},
		{"*ge.status", "lounge.statu", false},
		{"probe.*,lounge.say", "lounge.say", true},
		{"probe.*,lounge.say", "lounge.kick", false},
		{"probe.x", "rpc.info", true},
	}
	for _, test := range tests {
		globs, err := ParseGlobs(test.only)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Rights{Only: globs}).Covers(test.member); got != test.want {
			t.Errorf("%q covers %q: %v", test.only, test.member, got)
		}
	}
	for _, text := range []string{"lounge", ".", "lounge.", ".say", "a.b.c", "a.b,", "A.b", "a.b c", "a.?", strings.Repeat("a.b,", 32) + "a.b", strings.Repeat("x", 129) + ".y"} {
		if _, err := ParseGlobs(text); err == nil {
			t.Errorf("%q: taken", text)
		}
	}
	start := time.Now()
	Glob("*." + strings.Repeat("*x", 60)).Match("a." + strings.Repeat("x", 10_000) + "y")
	if time.Since(start) > time.Second {
		t.Errorf("took %v", time.Since(start))
	}
}

// What is read is written so that it reads the same.
func FuzzCredentials(f *testing.F) {
	store := openStore(f)
	addToken(f, store, "laptop", "admin")
	if _, err := store.AddCertificate([32]byte{1}, NewCredential{Name: "hub", Rights: Rights{"write", []Glob{"a.*"}}, For: time.Hour}); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(store.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Fuzz(func(t *testing.T, text string) {
		once, err := parse("f", []byte(text))
		if err != nil {
			return
		}
		written := once.format()
		twice, err := parse("f", written)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, written, err)
		}
		if again := twice.format(); string(again) != string(written) {
			t.Fatalf("%q, then %q", written, again)
		}
	})
}

// A pairing token cannot be kept for later by setting the clock back, and other credentials do not mind the clock.
//
// clause: K13
func TestClockSetBack(t *testing.T) {
	now := time.Now()
	once := Credential{Kind: Once, Created: now, Expires: now.Add(PairingTime)}
	token := Credential{Kind: Token, Created: now}
	for after, want := range map[time.Duration]bool{-24 * time.Hour: false, -2 * time.Minute: false, -time.Second: true, 0: true, PairingTime - 1: true, PairingTime: false} {
		if once.live(now.Add(after)) != want || !token.live(now.Add(after)) {
			t.Errorf("%v after: %v, %v", after, once.live(now.Add(after)), token.live(now.Add(after)))
		}
	}
}
