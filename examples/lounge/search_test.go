//go:build unix

package lounge_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
)

func TestSearch(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		music := folder(t, map[string]string{
			"Zebra.OGG": "zzz", "a/deep/one.ogg": "1", "a/two.ogg": "", "b.ogg": "bb", "notes.txt": "",
			"ogg/song.mp3": "", "straße/ÄRGER.flac": "",
		})
		l.must(os.Symlink("b.ogg", filepath.Join(music, "link.ogg")))
		l.must(os.Symlink("a", filepath.Join(music, "linked")))
		l.must(os.Symlink("..", filepath.Join(music, "up")))
		l.must(syscall.Mkfifo(filepath.Join(music, "fifo.ogg"), 0o600))
		l.must(l.share("music", music))
		l.must(l.share("books", folder(t, map[string]string{"cogg.txt": "c"})))

		for _, test := range []struct {
			params p
			want   string
		}{
			{p{"query": "ogg"}, "books/cogg.txt music/Zebra.OGG music/a/deep/one.ogg music/a/two.ogg music/b.ogg"},
			{p{"query": "OGG", "limit": 2}, "books/cogg.txt music/Zebra.OGG"},
			{p{"query": "ogg", "limit": 0}, ""},
			{p{"query": "ogg", "limit": nil}, "books/cogg.txt music/Zebra.OGG music/a/deep/one.ogg music/a/two.ogg music/b.ogg"},
			{p{"query": "zebra"}, "music/Zebra.OGG"},
			{p{"query": "ärger"}, "music/straße/ÄRGER.flac"},
			{p{"query": "deep"}, ""}, // names of files, not of folders
			{p{"query": "*"}, ""},
			{p{"query": "", "limit": 100}, "books/cogg.txt music/Zebra.OGG music/a/deep/one.ogg music/a/two.ogg music/b.ogg " +
				"music/notes.txt music/ogg/song.mp3 music/straße/ÄRGER.flac"},
		} {
			if got := strings.Join(l.search(test.params), " "); got != test.want {
				t.Errorf("search %v\n got %s\nwant %s", test.params, got, test.want)
			}
		}
		hits, err := sabir.Do[[]lounge.Hit](l.ctx, l.h, "lounge.search", p{"query": "zebra"})
		if err != nil || len(hits) != 1 || hits[0].Size != 3 || time.Since(hits[0].Modified).Abs() > time.Hour {
			t.Error("a plain request:", hits, err)
		}
		if got := l.log.String(); strings.Contains(got, "skipped") {
			t.Error("nothing was skipped:", got)
		}
	})
}

func TestSearchSkipsNamesThatAreNoText(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"a.txt": "", "z.txt": ""})
		if err := os.WriteFile(filepath.Join(dir, "caf\xe9.txt"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		l.must(os.WriteFile(filepath.Join(dir, "\xff"), nil, 0o644))
		l.must(os.Mkdir(filepath.Join(dir, "m\xfcsic"), 0o755))
		l.must(os.WriteFile(filepath.Join(dir, "m\xfcsic", "b.txt"), nil, 0o644))
		l.must(l.share("x", dir))
		if got := strings.Join(l.search(p{"query": ""}), " "); got != "x/a.txt x/z.txt" {
			t.Error(got)
		}
		if log := l.log.String(); strings.Count(log, "skipped") != 1 || !strings.Contains(log, "not_utf8=3") {
			t.Error("the log counts what was skipped, once a search:", log)
		}
	})
}

// A search that finds nothing has no loop to leave: it stops when its caller
// does, before it has looked at what is next.
func TestSearchStopsWithItsCaller(t *testing.T) {
	dir := folder(t, map[string]string{"a": ""})
	if err := os.WriteFile(filepath.Join(dir, "\xff"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l, log := newLounge(t)
	c := caller{t, within(t), l.Service(), l, log}
	c.must(c.share("x", dir))
	gone, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := sabir.Do[[]lounge.Hit](gone, c.h, "lounge.search", p{"query": "nothing"})
	if !errors.Is(err, context.Canceled) || strings.Contains(log.String(), "skipped") {
		t.Error(err, log)
	}
}

func TestLeaveTheLoopEarly(t *testing.T) {
	const files = 5000
	dir := t.TempDir()
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%04d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onEveryRoad(t, func(t *testing.T, l caller) {
		l.must(l.share("x", dir))
		n := 0
		for hit, err := range sabir.Items[lounge.Hit](l.ctx, l.h, "lounge.search", p{"query": "f"}) {
			l.must(err)
			if want := fmt.Sprintf("f%04d", n); hit.Path != want {
				t.Fatalf("got %s, want %s", hit.Path, want)
			}
			if n++; n == 3 {
				break
			}
		}
		// The daemon stops for lack of credit and then by the cancel: it never
		// sends all. The service alone has no connection to count on.
		if _, direct := l.h.(*sabir.Service); !direct {
			stats, err := sabir.Do[struct{ Items int }](l.ctx, l.h, "rpc.stats", nil)
			if err != nil || stats.Items < 3 || stats.Items > 1024 {
				t.Error("items sent:", stats, err)
			}
		}
		if n := len(l.search(p{"query": "F"})); n != files {
			t.Errorf("the whole search has %d hits, want %d", n, files)
		}
		if got := l.log.String(); strings.Contains(got, "skipped") {
			t.Error("nothing was skipped:", got)
		}
	})
}
