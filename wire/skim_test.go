package wire

import (
	"encoding/hex"
	"testing"
)

// What is passed at a glance is what the scanner that says what is wrong passes,
// up to the same end: with each byte of a value changed, and cut anywhere.
func TestSkim(t *testing.T) {
	values := [][]byte{turned(t, echoItem)}
	for _, s := range []string{
		"a26161016161f6", "a261610161620" + "2", "a3616100612101616102", // these keys share a bit
		"a2617a820018ff647a7a7a7a83f4f5f6", "83fa3fc00000fb3ff8000000000000f93e00", "8378026162790003e282ac7a00000001c3",
		"a16161d6420001", "8020", "3818", "1903e8", "1bffffffffffffffff", "a1780161" + "00", "a0", "80", "60",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(s, err)
		}
		values = append(values, b, append(b, 0, 0, 0, 0, 0, 0, 0, 0))
	}
	for _, b := range values {
		for n := range b {
			sameSkim(t, b[:n:n])
		}
		for i, was := range b {
			for c := range 256 {
				b[i] = byte(c)
				sameSkim(t, b)
			}
			b[i] = was
		}
	}
}

func sameSkim(t *testing.T, b []byte) {
	t.Helper()
	skimmed := (&Parser{Enc: CBOR}).skim(b, 0, 1, false, 1)
	end, err := (&Parser{Enc: CBOR}).cborValue(b, 0, 1)
	if skimmed >= 0 && (err != nil || end != skimmed) {
		t.Fatalf("%x: passed up to %d, otherwise up to %d: %v", b, skimmed, end, err)
	}
}
