package auth

import (
	"errors"
	"testing"
)

// BenchmarkRefused is the time that the server takes to refuse, by what is wrong:
// a stranger learns nothing from it. The three are as near to each other as
// repetitions of one.
func BenchmarkRefused(b *testing.B) {
	store := openStore(b)
	known, _, err := store.AddToken(NewCredential{Name: "known", Rights: Rights{Level: "read"}})
	if err != nil {
		b.Fatal(err)
	}
	revoked, _, err := store.AddToken(NewCredential{Name: "revoked", Rights: Rights{Level: "read"}})
	if err == nil {
		err = store.Revoke(revoked.ID)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, who := range []struct{ what, id string }{
		{"wrong-proof", known.ID}, {"revoked", revoked.ID}, {"never-there", "2nobodyatall"},
	} {
		b.Run(who.what, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				c := NewClient(who.id, KnownSecret("a guess"), here)
				x := NewExchange(store, here)
				first := c.First()
				b.StartTimer()
				answer, _, err := x.Step(ScramPlus, first)
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				proof, err := c.Final(answer)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, who, err := x.Step("", proof); !errors.Is(err, ErrRefused) || who != nil {
					b.Fatalf("let in %v, %v", who, err)
				}
			}
		})
	}
}
