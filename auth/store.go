package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir/internal/keep"
)

// PairingTime is how long a pairing token lives. spec [K13]
const PairingTime = 5 * time.Minute

// followEvery is how often Follow looks, so that a revocation acts within a second.
const followEvery = 500 * time.Millisecond

// Store is a file of credentials. Any goroutine may use it, and other processes may use the file: every change is
// made under its lock, and every look-up sees what is in it now.
//
// A file that cannot be read lets nobody in: the error says where it is wrong (*FileError, *keep.UnsafeError), and it
// is left as it is.
type Store struct {
	path string
	cost int // iterations of passwords; tests have less time

	mu    sync.Mutex
	stamp keep.Stamp
	seed  [32]byte
	all   map[string]Credential // replaced as a whole, never changed
	// entered are those by which somebody came in since Follow looked last; nil while nobody follows.
	entered map[string]Credential
}

// ErrNoCredential: there is none with that id.
var ErrNoCredential = errors.New("no such credential")

// NewCredential says what a new credential is for.
type NewCredential struct {
	Name   string        // of the device or person; of a pairing token it may be empty, then the client's word counts
	Rights               // Level must be given
	For    time.Duration // how long it lives; default: for ever, pairing tokens five minutes
}

// OpenStore opens the file at path and makes an empty one if there is none. Its directory must be there.
func OpenStore(path string) (*Store, error) {
	s := &Store{path: path, cost: PasswordIterations}
	_, err := s.current() // without the lock, which somebody may hold for long
	if errors.Is(err, fs.ErrNotExist) {
		err = s.create()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// create makes an empty file, unless somebody was faster.
func (s *Store) create() error {
	err := keep.Change(s.path, func(old []byte) ([]byte, error) {
		if old != nil {
			return old, nil
		}
		f := &contents{lines: []line{{remark: "# Who may come in. Changed by sabir token, sabir pair and sabir passwd; it has no secrets in clear."}}}
		rand.Read(f.seed[:])
		return f.format(), nil
	})
	if err == nil {
		_, err = s.current()
	}
	return err
}

// All lists the credentials, by name.
func (s *Store) All() ([]Credential, error) {
	all, err := s.current()
	return slices.SortedFunc(maps.Values(all), func(a, b Credential) int {
		return strings.Compare(a.Name+" "+a.ID, b.Name+" "+b.ID)
	}), err
}

// AddToken makes a credential with a generated secret, which nobody can be told again.
func (s *Store) AddToken(n NewCredential) (Credential, Secret, error) {
	return s.addGenerated(Token, n)
}

// AddOnce makes a pairing token. Its rights are those of the credential that it is traded for.
func (s *Store) AddOnce(n NewCredential) (Credential, Secret, error) {
	if n.For <= 0 {
		n.For = PairingTime
	}
	return s.addGenerated(Once, n)
}

// SetPassword gives the person called n.Name a password, or another one.
func (s *Store) SetPassword(password Secret, n NewCredential) (Credential, error) {
	c := n.credential(Password, n.Name)
	if !validID(c.ID) || generated(c.ID) {
		return c, ErrName // before the time that the keys take
	}
	err := s.change(func(f *contents) error {
		c.Keys = password.Derive(salt(f.seed, c.ID), s.cost)
		if fault := c.fault(); fault != "" {
			return errors.New(fault)
		}
		f.remove(func(old *Credential) bool { return old.ID == c.ID })
		f.add(&c)
		return nil
	})
	return c, err
}

// AddCertificate lets in whoever shows the certificate with that SHA-256, and has its key.
func (s *Store) AddCertificate(fingerprint [32]byte, n NewCredential) (Credential, error) {
	c := n.credential(Certificate, newID())
	c.Fingerprint = fingerprint
	return c, s.change(func(f *contents) error {
		f.remove(func(old *Credential) bool { return old.Fingerprint == fingerprint })
		return f.addNew(&c)
	})
}

// Revoke ends a credential and, where its file is followed, the connections that came in by it: ErrNoCredential if
// there is none with that id.
func (s *Store) Revoke(id string) error {
	return s.change(func(f *contents) error {
		if f.remove(func(c *Credential) bool { return c.ID == id }) == 0 {
			return fmt.Errorf("%s: %w", id, ErrNoCredential)
		}
		return nil
	})
}

// Bearer finds the token shown as id.secret, as HTTP does it: ErrRefused if it is none. Passwords are not taken, nor
// pairing tokens, whose proof must not be to somebody in between.
func (s *Store) Bearer(shown Secret) (Credential, error) {
	id, secret, _ := strings.Cut(shown.text, ".")
	all, err := s.current()
	if err != nil {
		return Credential{}, err
	}
	c := all[id]
	if right := equal(KnownSecret(secret).bearer(), c.Bearer); !right || c.Kind != Token || !c.live(time.Now()) {
		return Credential{}, &RefusedError{ID: id, Reason: s.refusal(id, "not the secret of a token")}
	}
	return c, s.touch(c)
}

// ByCertificate finds the credential of a client's certificate: ErrRefused if it has none.
func (s *Store) ByCertificate(fingerprint [32]byte) (Credential, error) {
	all, err := s.current()
	if err != nil {
		return Credential{}, err
	}
	for _, c := range all {
		if c.Kind == Certificate && c.Fingerprint == fingerprint && c.live(time.Now()) {
			return c, s.touch(c)
		}
	}
	return Credential{}, &RefusedError{Reason: "no credential for the client's certificate"}
}

// Valid reports whether whoever came in by c still would. A server asks it once more when it has entered a new
// connection where Follow's word will reach it.
func (s *Store) Valid(c Credential) bool {
	all, err := s.current()
	if err != nil {
		return false
	}
	now, ok := all[c.ID]
	return ok && c.same(&now) && c.live(time.Now())
}

// Follow calls gone with the id of every credential that is revoked, expires, or comes to open something else, within
// a second, until ctx ends. If the file cannot be read, nobody new gets in, and nobody is thrown out. spec [K12]
func (s *Store) Follow(ctx context.Context, gone func(id string)) {
	before, _ := s.current()
	seen := time.Now()
	s.mu.Lock()
	s.entered = make(map[string]Credential)
	s.mu.Unlock()
	ticker := time.NewTicker(followEvery) // a file has no other way to say that it changed which all our systems know
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		all, err := s.current()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		now := time.Now()
		before = s.withEntered(before)
		for id, old := range before {
			c := all[id]
			if old.live(seen) && old.Kind != Once && !(old.same(&c) && c.live(now)) {
				gone(id)
			}
		}
		before, seen = all, now
	}
}

// withEntered adds those by which somebody came in since the last look: they may have been made and revoked between
// two looks.
func (s *Store) withEntered(seen map[string]Credential) map[string]Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entered) == 0 {
		return seen
	}
	all := maps.Clone(seen)
	if all == nil {
		all = make(map[string]Credential)
	}
	for id, c := range s.entered {
		if _, ok := all[id]; !ok {
			all[id] = c
		}
	}
	clear(s.entered)
	return all
}

// keys are those of id, or such as it would have. spec [K8]
func (s *Store) keys(id string) (Keys, error) {
	all, err := s.current()
	if err != nil {
		return Keys{}, err
	}
	c, ok := all[id]
	if ok && c.Kind != Certificate && c.live(time.Now()) {
		return c.Keys, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := Keys{Salt: salt(s.seed, id), Iterations: s.cost}
	if generated(id) {
		k.Iterations = TokenIterations
	}
	rand.Read(k.Stored[:]) // no proof fits it
	return k, nil
}

// admit is asked after a proof that fits k: who that is, unless it was revoked since. A pairing token is spent by it.
func (s *Store) admit(id string, k Keys) (Credential, error) {
	all, err := s.current()
	if err != nil {
		return Credential{}, err
	}
	c := all[id]
	if c.Kind == Once {
		return c, s.change(func(f *contents) error {
			// Of two that prove it at once, here or in another process, the second finds nothing.
			spent := f.remove(func(o *Credential) bool { return o.ID == id && o.Keys.Stored == k.Stored && o.live(time.Now()) })
			if spent == 0 {
				return &RefusedError{ID: id, Reason: "the pairing token is spent or too old"}
			}
			return nil
		})
	}
	if c.Keys.Stored != k.Stored || !c.live(time.Now()) {
		return Credential{}, &RefusedError{ID: id, Reason: "revoked meanwhile"}
	}
	return c, s.touch(c)
}

// touch notes that c is used, to the minute, and for Follow. That a disk is full, or the file locked, keeps nobody out.
func (s *Store) touch(c Credential) error {
	now := time.Now()
	s.mu.Lock()
	if s.entered != nil {
		s.entered[c.ID] = c
	}
	s.mu.Unlock()
	if now.Sub(c.Used) < time.Minute && !now.Before(c.Used) {
		return nil
	}
	err := s.changeBy(keep.ChangeNow, func(f *contents) error {
		if found := f.find(c.ID); found != nil {
			found.Used = now
		}
		return nil
	})
	var bad *FileError
	if errors.As(err, &bad) {
		return err
	}
	return nil
}

// refusal is why nobody comes in by an id, for the log alone: its owner has to tell
// one that was revoked from somebody who tries secrets. spec [K6]
func (s *Store) refusal(id, otherwise string) string {
	all, err := s.current()
	c, ok := all[id]
	switch {
	case err != nil:
	case !ok:
		return "no credential has this id; it may have been revoked, or a pairing token that is spent"
	case !c.live(time.Now()):
		return "it has expired"
	}
	return otherwise
}

func (s *Store) addGenerated(kind Kind, n NewCredential) (Credential, Secret, error) {
	c, secret := n.credential(kind, newID()), NewSecret()
	if kind == Token {
		c.Bearer = secret.bearer()
	}
	err := s.change(func(f *contents) error {
		c.Keys = secret.Derive(salt(f.seed, c.ID), TokenIterations)
		return f.addNew(&c)
	})
	return c, secret, err
}

func (n NewCredential) credential(kind Kind, id string) Credential {
	c := Credential{Kind: kind, ID: id, Name: n.Name, Rights: n.Rights, Created: time.Now().UTC().Truncate(time.Second)}
	if n.For > 0 {
		c.Expires = c.Created.Add(n.For)
	}
	return c
}

// addNew adds c, and gives it a name that nobody has.
func (f *contents) addNew(c *Credential) error {
	if fault := c.fault(); fault != "" {
		return errors.New(fault)
	}
	name := c.Name
	for i := 2; c.Kind != Once && slices.ContainsFunc(f.lines, func(l line) bool {
		return l.credential != nil && l.credential.Kind != Once && l.credential.Name == c.Name
	}); i++ {
		c.Name = fmt.Sprintf("%.58s-%d", name, i)
	}
	f.add(c)
	return nil
}

// change edits the file under its lock, and throws out pairing tokens that are too old by the way.
func (s *Store) change(edit func(*contents) error) error { return s.changeBy(keep.Change, edit) }

func (s *Store) changeBy(change func(string, func([]byte) ([]byte, error)) error, edit func(*contents) error) error {
	return change(s.path, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, &fs.PathError{Op: "open", Path: s.path, Err: fs.ErrNotExist} // a new one would have another seed
		}
		f, err := parse(s.path, old)
		if err != nil {
			return nil, err
		}
		if err := edit(f); err != nil {
			return nil, err
		}
		now := time.Now()
		f.remove(func(c *Credential) bool { return c.Kind == Once && !c.live(now) })
		return f.format(), nil
	})
}

// current is what the file has now. It costs a stat when the file is as it was.
func (s *Store) current() (map[string]Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamp, err := keep.StampOf(s.path)
	if err != nil {
		return nil, err
	}
	if stamp == s.stamp && s.all != nil {
		return s.all, nil
	}
	data, stamp, err := keep.Read(s.path)
	if err != nil {
		return nil, err
	}
	f, err := parse(s.path, data)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Credential, len(f.lines))
	for _, l := range f.lines {
		if l.credential != nil {
			all[l.credential.ID] = *l.credential
		}
	}
	s.stamp, s.seed, s.all = stamp, f.seed, all
	return all, nil
}

// salt is made from the id, so that nobody can tell by it which ids there are. spec [K8]
func salt(seed [32]byte, id string) []byte {
	sum := mac(seed[:], id)
	return sum[:16]
}
