package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Case 61: whatever a peer says, in results, keys, errors, documentation and rows, and however long it is, the terminal
// does not obey it, and a pipe gets it as it was. What completion offers: testdata/completion.txtar; lines: terminal.txtar.
func TestCase61Terminal(t *testing.T) {
	lifeline, cut, err := newLifeline()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cut)
	dir, err := os.MkdirTemp("", "sabir")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("SABIR_DIR", dir)
	t.Setenv("SABIR_ADDRESS", "")
	t.Setenv("NO_COLOR", "1")
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv(lifelineEnv, lifeline)
	probe := exec.Command("probe", "probe")
	if err := probe.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { probe.Process.Kill(); probe.Wait() })
	for end := time.Now().Add(patient); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "probe.sock")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}

	hostile := "clear \x1b[2J clipboard \x1b]52;c;aGk=\a link \x1b]8;;http://x\x1b\\y c1 \u009b31m \u009d0;t\u009c over\rwrite \b del \x7f " +
		"bidi \u202e\u2066\u200f\u061c line \u2028 \x00 end"
	quoted, _ := json.Marshal(hostile)
	text := string(quoted)
	long, _ := json.Marshal(map[string]string{"text": strings.Repeat("x\x1b[31m\r", 160<<10)}) // over a MiB
	if err := os.WriteFile(filepath.Join(dir, "long"), long, 0o600); err != nil {
		t.Fatal(err)
	}
	sabir := func(words ...string) []string { return append([]string{"sabir"}, words...) }
	for _, words := range [][]string{
		sabir("call", "probe.types", "text:="+text),
		sabir("call", "probe.types", "text:="+text, "-o", "text"),
		sabir("call", "probe.types", "text:="+text, "--json"),
		sabir("call", "probe.types", "map:={"+text+":1}"),
		sabir("call", "probe.types", "any:={"+text+":["+text+"]}"),
		sabir("call", "probe.types", "words:=["+text+",\"b\"]"),
		{"sh", "-c", `sabir call probe.types - <"$SABIR_DIR/long"`},
		sabir("call", "probe.types", "count:="+text),
		sabir("call", "probe.types", "hue:="+text),
		sabir("call", "probe.blob", "text:="+text),
		sabir("call", "probe.text", "text:="+text),
		sabir("call", "probe.put", "name=room", "key:="+text, "x=1", "y=2"),
		sabir("get", "probe.rows", "room"),
		sabir("get", "probe.rows", "room", "--json"),
		sabir("watch", "probe.rows", "room", "-n", "1"),
		sabir("call", "probe.refuse"),
		sabir("call", "probe."+strings.ReplaceAll(hostile, "\x00", "")),
		sabir("describe", "probe"),
		sabir("ls"),
	} {
		tab := newTab(t, nil, words[0], words[1:]...)
		tab.exit()
		shown := tab.text()
		if len(shown) == 0 && words[2] != "probe.put" {
			t.Errorf("%.100q: nothing is shown", words)
		}
		for _, r := range strings.ReplaceAll(shown, "\r\n", "\n") {
			if dangerous(r) && r != '\n' {
				t.Errorf("%.100q lets %U through: %.300q", words, r, shown)
				break
			}
		}
	}
	out, err := exec.Command("sabir", "call", "probe.types", "text:="+text, "-o", "text").Output()
	if err != nil || string(out) != hostile+"\n" {
		t.Errorf("a pipe gets %q, %v", out, err)
	}
	out, err = exec.Command("sabir", "call", "probe.types", "text:="+text).Output()
	var got struct{ Text string }
	if err != nil || json.Unmarshal(out, &got) != nil || got.Text != hostile {
		t.Errorf("a pipe gets %q, %v", out, err)
	}
}
