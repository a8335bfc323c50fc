//go:build unix

package lounge_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
	"github.com/sabir-ipc/sabir/transport"
)

// folder makes files of the given texts, by path, in a folder that is there
// until the test is over.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestShare(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"file": "", "sub/a": "a"})
		fifo := filepath.Join(dir, "fifo")
		l.must(syscall.Mkfifo(fifo, 0o600))
		l.must(os.Symlink("sub", filepath.Join(dir, "link")))
		for _, path := range []string{filepath.Join(dir, "missing"), filepath.Join(dir, "file"), fifo, dir + "\x00"} {
			refused(t, l.share("x", path), lounge.NoSuchFolder{Path: path}, fmt.Sprintf("no folder %q", path))
		}
		for _, path := range []string{"music", ".", "", "~/music"} {
			refused(t, l.share("x", path), lounge.NoSuchFolder{Path: path}, fmt.Sprintf("no folder %q: the path must be absolute", path))
		}
		l.must(l.share("x", filepath.Join(dir, "sub")))
		refused(t, l.share("x", dir), lounge.LabelTaken{Label: "x"}, `label "x" is taken`)
		l.must(l.share("the same", filepath.Join(dir, "link")+"/"))
		if got := strings.Join(l.search(p{"query": ""}), " "); got != "the same/a x/a" {
			t.Error(got)
		}
		for _, label := range []string{"", strings.Repeat("x", 65)} {
			if err := l.share(label, dir); !errors.Is(err, sabir.ErrInvalidParams) {
				t.Errorf("label %q: %v", label, err)
			}
		}
	})
}

func TestShareAnUnreadableFolder(t *testing.T) {
	dir := folder(t, map[string]string{"sub/a": "a"})
	sub := filepath.Join(dir, "sub")
	if err := os.Chmod(sub, 0o100); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(sub, 0o700)
	l, log := newLounge(t)
	c := caller{t, within(t), l.Service(), l, log}
	asNobody(func() {
		refused(t, c.share("x", sub), lounge.NoSuchFolder{Path: sub}, fmt.Sprintf("no folder %q", sub))
	})
}

// Who may read may search and fetch, who may write may talk, and only an admin
// may share.
func TestAccess(t *testing.T) {
	for _, test := range []struct {
		level                     sabir.Access
		search, talk, mayShareToo bool
	}{
		{sabir.NoAccess, false, false, false},
		{sabir.AccessRead, true, false, false},
		{sabir.AccessWrite, true, true, false},
		{sabir.AccessAdmin, true, true, true},
	} {
		t.Run("level "+string(test.level), func(t *testing.T) {
			l, _ := newLounge(t)
			socket := filepath.Join(filepath.Dir(serve(t, l.Service())), "level.sock")
			stop := listen(t, l.Service(), socket, &sabir.ServeOptions{
				Level: func(transport.Peer) sabir.Access { return test.level },
			})
			t.Cleanup(stop)
			c := caller{t: t, ctx: within(t), h: dial(t, socket, nil)}
			check := func(what string, err error, may bool) {
				t.Helper()
				if may && err != nil || !may && !errors.Is(err, sabir.ErrDenied) {
					t.Errorf("%s with level %q: %v", what, test.level, err)
				}
			}
			check("share", c.share("x", folder(t, nil)), test.mayShareToo)
			_, err := sabir.Do[[]lounge.Hit](c.ctx, c.h, "lounge.search", p{"query": ""})
			check("search", err, test.search)
			_, err = c.join("dev", "ann")
			check("join", err, test.talk)
			_, err = sabir.Do[sabir.Body](c.ctx, c.h, "lounge.status", nil)
			check("status", err, test.search)
		})
	}
}

func TestClosed(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"a": "a"})
		l.must(l.share("x", dir))
		l.must(l.lounge.Close())
		if hits := l.search(p{"query": ""}); hits != nil {
			t.Error("found in a closed lounge:", hits)
		}
		_, err := l.fetch(p{"label": "x", "path": "a"})
		refused(t, err, lounge.NoSuchFile{Label: "x", Path: "a"}, `no file "a" under "x"`)
		if err := l.share("y", dir); !errors.Is(err, sabir.ErrUnavailable) {
			t.Error("shared in a closed lounge:", err)
		}
		_, err = l.join("dev", "ann")
		l.must(err) // rooms go on
	})
}

// What is full says rpc.Busy, and has room again when somebody leaves.
func TestLimits(t *testing.T) {
	lounge, log := newLounge(t)
	l := caller{t, within(t), lounge.Service(), lounge, log}
	busy := func(err error, limit, text string) {
		t.Helper()
		var answer *sabir.Error
		var params struct{ Limit string }
		if !errors.Is(err, sabir.ErrBusy) || !errors.As(err, &answer) || answer.Params.Decode(&params) != nil ||
			params.Limit != limit || answer.Message != text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
	for i := range 1024 {
		_, err := l.join(fmt.Sprint("r", i), "ann")
		l.must(err)
	}
	_, err := l.join("dev", "ann")
	busy(err, "rooms", "over 1024 rooms")
	l.must(l.leave("r7", "ann"))
	for i := range 1024 {
		n, err := l.join("dev", fmt.Sprint("n", i))
		if n != i+1 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, err = l.join("dev", "ann")
	busy(err, "members", "over 1024 members of a room")
	l.must(l.leave("dev", "n7"))
	_, err = l.join("dev", "ann")
	l.must(err)

	dir := folder(t, nil)
	for i := range 64 {
		l.must(l.share(fmt.Sprint(i), dir))
	}
	busy(l.share("one more", dir), "folders", "over 64 shared folders")
}
