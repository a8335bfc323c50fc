package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Two people chat while a third fetches a file of 1 GiB with progress on stderr.
func TestChatWhileFetching(t *testing.T) {
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
	const size = 1 << 30
	big, err := os.Create(filepath.Join(dir, "big.iso"))
	if err == nil {
		err = big.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	big.Close()

	demo := newTab(t, nil, "sabir", "demo")
	demo.sees("attic")
	call := func(words ...string) {
		t.Helper()
		tab := newTab(t, nil, "sabir", append([]string{"call"}, words...)...)
		if status := tab.exit(); status != 0 {
			t.Fatalf("%q: status %d: %q", words, status, tab.text())
		}
	}
	call("lounge.share", "docs", dir)
	watching := map[string]*shellTab{}
	for _, name := range []string{"ann", "bob"} {
		call("lounge.join", "dev", name)
		watching[name] = newTab(t, nil, "sabir", "watch", "lounge.message", "room=dev", "-o", "name", "-o", "text")
		watching[name].sees("live")
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()

	fetch := newTab(t, null, "sabir", "call", "lounge.fetch", "docs", "big.iso")
	fetch.sees(`\r\x1b\[K[0-9.]+ (M|G)iB, [0-9.]+ (K|M|G)iB/s`)
	said, early := 0, 0
	for during := true; during; said++ {
		for _, name := range []string{"ann", "bob"} {
			text := fmt.Sprintf("%s\tnumber %d\r\n", name, said)
			call("lounge.say", "dev", name, text[len(name)+1:len(text)-2])
			for _, tab := range watching {
				tab.sees(text)
			}
		}
		select {
		case <-fetch.ended:
			during = false
		case <-time.After(100 * time.Millisecond): // or the chat would take the processors that the fetch needs
			early++
		}
	}
	if status := fetch.exit(); status != 0 {
		t.Errorf("fetch: status %d: %q", status, fetch.text())
	}
	fetch.sees(`\r\x1b\[K1\.0 GiB, [0-9.]+ (M|G)iB/s in [0-9.]+m?s\r\n$`)
	if early == 0 {
		t.Error("no message has arrived while the file was fetched")
	}
	for name, tab := range watching {
		if got := strings.Count(tab.text(), "number"); got != 2*said {
			t.Errorf("%s has seen %d messages, not %d", name, got, 2*said)
		}
	}

	// Ctrl-C, in mid-fetch and in a watch.
	fetch = newTab(t, null, "sabir", "call", "lounge.fetch", "docs", "big.iso")
	fetch.sees("iB/s")
	for _, tab := range []*shellTab{fetch, watching["ann"], watching["bob"], demo} {
		tab.keys.WriteString("\x03")
		if status := tab.exit(); tab != demo && status != 130 || tab == demo && status != 0 {
			t.Errorf("%q: status %d after Ctrl-C: %q", tab.cmd.Args, status, tab.text())
		}
		if strings.Contains(tab.text(), "sabir: lounge") && tab != demo {
			t.Errorf("%q: complains of Ctrl-C: %q", tab.cmd.Args, tab.text())
		}
	}
	t.Logf("%d messages of each while the file was fetched", early)
}
