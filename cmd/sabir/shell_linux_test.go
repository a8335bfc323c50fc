package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A person at a shell: completion, history, a watch that leaves the prompt whole.
func TestShell(t *testing.T) {
	lifeline, cut, err := newLifeline()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cut)
	dir := sandbox(t)
	t.Setenv(lifelineEnv, lifeline)
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	demo := newTab(t, nil, "sabir", "demo")
	demo.sees("attic")
	shell := newTab(t, nil, "sabir", "shell")
	shell.sees("sabir> $")
	step := func(typed, shown string) {
		t.Helper()
		shell.forget()
		shell.keys.WriteString(typed)
		shell.sees(shown)
	}
	step("lou\t", `lounge\.`)
	step("jo\t", `in $`)
	step("r\t", `oom=$`)
	step("dev ann\r", `(?s)members.*1.*sabir> $`)
	step("lounge.users dev\r", `(?s)ann.*sabir> $`)
	step("$_\r", `no command "\[\{`)
	step("des\t", `cribe $`)
	step("lounge.sa\t\r", `(?s)Say something in a room.*sabir> $`)
	step("help lounge.s\t", `(?s)lounge\.say +Say something in a room\..*lounge\.status.*sabir> help lounge\.s`)
	step("ay\r", `(?s)method say.*sabir> $`)
	step("watch lounge.message dev\r", `\[1\] sabir: live`)
	step("watches\r", `(?s)\[1\] watch lounge.message dev.*sabir> $`)

	// While a line is typed, something happens elsewhere: it stands above, the line is whole.
	step("lounge.say dev ann half", `half$`)
	shell.forget()
	if out, err := exec.Command("sabir", "call", "lounge.say", "dev", "ann", "from elsewhere").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	shell.sees(`(?s)\[1\] [0-9:]+ .*from elsewhere.*\r\n.*sabir> lounge\.say dev ann half$`)
	step("-line\r", `(?s)\[1\] .*half-line`)
	step("lounge.say dev ann \"it was $_.seq\"\r", `it was 2`)

	// The history: up, Ctrl-R, Ctrl-C on a line.
	step("\x1b[A", `lounge\.say dev ann "it was`)
	step("\x03lounge.u\x12", `lounge\.users dev`)
	step("\r", `(?s)ann.*sabir> $`)
	step("lounge.\x12\x12\x12", `half-line`)
	step("\x03exi\t", `exit $`)
	step("\x03", `\x1b\[5D +\x1b\[5D$`) // the line is gone, the prompt stays

	// Ctrl-C while a command runs ends the command.
	step("call lounge.message room=quiet\r", `\r\n`)
	shell.cooks()
	step("\x03", `sabir> $`)
	step("stop 7\r", `(?s)nothing is watched as 7.*sabir> $`)
	step("stop 1\r", `sabir> $`)
	step("watches\r", `watches\r\n[^\[]*sabir> $`)
	step("lounge.say 'a\r", `(?s)a quote ' without its end.*sabir> $`)
	step("fmt none.sabir -w\r", `(?s)none\.sabir: .*sabir> $`)
	step("-a lounge call rpc.auth token=hunter2\r", `(?s)sabir: .*sabir> $`)
	step(" lounge.say dev ann unseen\r", `(?s)seq.*sabir> $`)
	shell.keys.WriteString("\x04")
	if status := shell.exit(); status != 0 {
		t.Errorf("exit status %d", status)
	}

	file := filepath.Join(dir, "state", "sabir", "client", "history")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for line, is := range map[string]bool{"lounge.join room=dev ann": true, "lounge.users dev": true, "call lounge.message room=quiet": true, "fmt none.sabir": true, "hunter2": false, "unseen": false} {
		if strings.Contains(string(text), line) != is {
			t.Errorf("the history has %s: %v\n%s", line, !is, text)
		}
	}
	again := newTab(t, nil, "sabir", "shell")
	again.sees("sabir> $")
	again.keys.WriteString("lounge.u\x12")
	again.sees("lounge.users dev")

	// Who ends it from outside finds the terminal as it was.
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	again.cooks()
	if status := again.exit(); status != -1 {
		t.Errorf("exit status %d after SIGTERM", status)
	}
}
