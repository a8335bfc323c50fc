package main

import (
	"testing"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// shelf is a place with the lounge and the probe, for shells to complete.
func shelf(t *testing.T) {
	t.Helper()
	lifeline, cut, err := newLifeline()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cut)
	dir := sandbox(t)
	for name, value := range map[string]string{
		lifelineEnv: lifeline, "PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null", "HISTFILE": "", "HOME": dir, "XDG_CONFIG_HOME": dir, "XDG_DATA_HOME": dir,
	} {
		t.Setenv(name, value)
	}
	demo := newTab(t, nil, "sabir", "demo")
	demo.sees("attic")
	probe := newTab(t, nil, "probe", "probe")
	t.Cleanup(func() {
		probe.keys.WriteString("\x03")
		probe.exit()
	})
}

// What Tab does in a bash that a person types to.
func TestBashCompletes(t *testing.T) {
	shelf(t)
	bash := newTab(t, nil, "bash", "--norc", "--noprofile", "-i")
	bash.sees("ready> ")
	bash.keys.WriteString("source <(sabir completion bash); until sabir -a probe ls; do sleep 0.01; done; echo so''urced\n")
	bash.sees("sourced\r\nready> ")
	for _, step := range []struct{ typed, shown string }{
		{"sabir cal\t", `sabir call `},
		{"pro\t", `probe\.`},
		{"typ\t", `probe\.types `},
		{"fl\t", `flag=`},
		{"t\t", `flag=true `},
		{"hue=g\t", `hue=green `},
		{"-o fla\t", `-o flag \n?`},
		{"\n", "true\r\nready> $"},
		{"sabir watch lounge.me\t", `watch lounge\.message `},
		{"ro\tdev", `message room=dev`},
		// Ctrl-U, not Ctrl-C: a signal between two reads waits for the next key.
		{"\x15\n", `\r\n.*ready> $`},
		{"sabir -a lou\t", `-a lounge `},
		{"describe loun\t", `describe lounge`},
	} {
		bash.keys.WriteString(step.typed)
		bash.sees(step.shown)
	}
}

// In zsh and fish a line is typed with Tabs for most of it, and then it is run.
// Where the one way on ends with =, the word is not over.
func TestZshAndFishComplete(t *testing.T) {
	for name, shell := range map[string]struct {
		args         []string
		begin, ready string
	}{
		"zsh":  {[]string{"-f", "-i"}, "PS1='ready> '; autoload -U compinit && compinit -u -D; source <(sabir completion zsh)", "ready> "},
		"fish": {[]string{"--no-config", "-i"}, "function fish_prompt; echo 'ready> '; end; sabir completion fish | source", "ready> "},
	} {
		t.Run(name, func(t *testing.T) {
			needed.Tool(t, name)
			shelf(t)
			t.Setenv("TERM", "xterm")
			tab := newTab(t, nil, name, shell.args...)
			tab.keys.WriteString(shell.begin + "; until sabir -a probe ls; do sleep 0.01; done; echo so''urced\n")
			tab.sees("sourced\r\n")
			for _, step := range []struct{ typed, shown string }{
				{"sabir ca\t", `sabir.*call|ll`}, {"pro\t", `be\.`}, {"typ\t", `es`}, {"fla\t", `g.*=`}, {"t\t", `rue`}, {"hue=g\t", `reen`},
				{"-o flag -o hue\n", "true\tgreen\r\n"},
				{"sabir watch lounge.me\t", `ssage`}, {"ro\t", `om.*=`},
			} {
				tab.forget()
				tab.keys.WriteString(step.typed)
				tab.sees(step.shown)
			}
		})
	}
}
