package near

import "testing"

func TestWord(t *testing.T) {
	names := []string{"lounge.say", "lounge.join", "lounge.n", "greet"}
	for word, want := range map[string]string{
		"lounge.sai": "lounge.say", "lounge.jion": "lounge.join", "Lounge.Say": "lounge.say", "luonge.say": "lounge.say",
		"lounge.zap": "", "lounge.nope": "", "great": "greet", "greets": "greet", "gr": "", "x": "",
	} {
		if got := Word(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}
