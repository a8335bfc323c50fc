//go:build unix

package lounge_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/examples/lounge"
)

const piece = 64 << 10

func TestFetch(t *testing.T) {
	whole := bytes.Repeat([]byte("0123456789abcde\n"), 3*piece/16)
	whole = append(whole, "the end"...)
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"a/big": string(whole), "empty": ""})
		l.must(os.Symlink("a/big", filepath.Join(dir, "link")))
		l.must(l.share("x", dir))
		for _, test := range []struct {
			path   string
			offset any
			want   []byte
		}{
			{"a/big", nil, whole}, {"a/big", 0, whole}, {"a/big", 5, whole[5:]}, {"a/big", 2 * piece, whole[2*piece:]},
			{"a/big", len(whole) - 1, []byte("d")}, {"a/big", len(whole), nil}, {"a/big", int64(1 << 50), nil}, {"a/big", int64(1<<53 - 1), nil},
			{"empty", nil, nil}, {"empty", 1, nil},
			{"link", nil, whole}, // a link that stays inside
		} {
			got, err := l.fetch(p{"label": "x", "path": test.path, "offset": test.offset})
			if err != nil || !bytes.Equal(got, test.want) {
				t.Errorf("%s from %v: %d bytes, want %d, %v", test.path, test.offset, len(got), len(test.want), err)
			}
		}
		var sizes []int
		for b, err := range sabir.Items[[]byte](l.ctx, l.h, "lounge.fetch", p{"label": "x", "path": "a/big", "offset": 7}) {
			l.must(err)
			sizes = append(sizes, len(b))
		}
		if got := fmt.Sprint(sizes); got != "[65536 65536 65536]" {
			t.Error("pieces:", got)
		}
		if _, err := l.fetch(p{"label": "x", "path": "a/big", "offset": -1}); !errors.Is(err, sabir.ErrInvalidParams) {
			t.Error("offset -1:", err)
		}
		list, err := sabir.Do[[][]byte](l.ctx, l.h, "lounge.fetch", p{"label": "x", "path": "a/big"})
		if err != nil || !bytes.Equal(bytes.Join(list, nil), whole) {
			t.Error("a plain request:", len(list), err)
		}
	})
}

// No path and no link leads out of the folder, and nothing but files is read.
func TestFetchNothingElse(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"inside/a": "a", "inside/sub/b": "b", "secret": "secret"})
		inside := filepath.Join(dir, "inside")
		secret := filepath.Join(dir, "secret")
		for name, target := range map[string]string{
			"out": "../secret", "away": secret, "up": "..", "sub/out": "../../secret", "zero": "/dev/zero",
			"self": "self", "dangling": "nowhere", "twice": "out",
		} {
			l.must(os.Symlink(target, filepath.Join(inside, name)))
		}
		l.must(syscall.Mkfifo(filepath.Join(inside, "fifo"), 0o600))
		l.must(l.share("x", inside))
		for _, path := range []string{
			"out", "away", "up/secret", "sub/out", "zero", "self", "dangling", "twice",
			"../secret", "sub/../../secret", "sub/../../inside/a", secret, "/", "..", ".", "", "up",
			"sub", "sub/", "a/", "a/b", "missing", "fifo", "a\x00", strings.Repeat("a", 5000), strings.Repeat("a/", 5000),
		} {
			got, err := l.fetch(p{"label": "x", "path": path})
			refused(t, err, lounge.NoSuchFile{Label: "x", Path: path}, fmt.Sprintf("no file %q under %q", path, "x"))
			if len(got) > 0 {
				t.Errorf("fetched %q by %q", got, path)
			}
		}
		_, err := l.fetch(p{"label": "y", "path": "a"})
		refused(t, err, lounge.NoSuchFile{Label: "y", Path: "a"}, `no file "a" under "y"`)
		if got, err := l.fetch(p{"label": "x", "path": "sub/../a"}); string(got) != "a" || err != nil {
			t.Error("a detour inside:", string(got), err)
		}
	})
}

// A folder that turns into a link and back, as fast as it can, gives its own
// file or none.
func TestFetchAndSearchInARace(t *testing.T) {
	const rounds = 300
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"shared/d/f": "inside", "outside/f": "outside!"})
		shared := filepath.Join(dir, "shared")
		l.must(l.share("x", shared))
		at, aside := filepath.Join(shared, "d"), filepath.Join(dir, "aside")
		stop, done := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				err := errors.Join(os.Rename(at, aside), os.Symlink("../outside", at), os.Remove(at), os.Rename(aside, at))
				select {
				case <-stop:
					done <- err
					return
				default:
				}
				if err != nil {
					done <- err
					return
				}
			}
		}()
		found, missed := 0, 0
		for range rounds {
			got, err := l.fetch(p{"label": "x", "path": "d/f"})
			var none lounge.NoSuchFile
			switch {
			case err == nil && string(got) == "inside":
				found++
			case errors.As(err, &none):
				missed++
			default:
				t.Fatalf("fetched %q, %v", got, err)
			}
			for hit, err := range sabir.Items[lounge.Hit](l.ctx, l.h, "lounge.search", p{"query": ""}) {
				if err != nil || hit.Path != "d/f" || hit.Size != len("inside") {
					t.Fatal("found", hit, err)
				}
			}
		}
		close(stop)
		l.must(<-done)
		t.Logf("found %d times, missed %d times", found, missed)
	})
}

func TestFetchAFileThatShrinks(t *testing.T) {
	const before, after = 32 << 20, 2*piece + 5
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"f": ""})
		file := filepath.Join(dir, "f")
		l.must(os.Truncate(file, before))
		l.must(l.share("x", dir))
		n := 0
		for b, err := range sabir.Items[[]byte](l.ctx, l.h, "lounge.fetch", p{"label": "x", "path": "f"}) {
			l.must(err)
			if n == 0 {
				l.must(os.Truncate(file, after))
			}
			n += len(b)
		}
		// Over a connection some pieces were on their way already.
		if _, direct := l.h.(*sabir.Service); direct && n != after || n < after || n >= before {
			t.Errorf("read %d bytes of a file cut from %d to %d", n, before, after)
		}
	})
}

func TestFetchMoreThanAMessage(t *testing.T) {
	onEveryRoad(t, func(t *testing.T, l caller) {
		dir := folder(t, map[string]string{"f": ""})
		l.must(os.Truncate(filepath.Join(dir, "f"), 5<<20))
		l.must(l.share("x", dir))
		_, err := sabir.Do[[][]byte](l.ctx, l.h, "lounge.fetch", p{"label": "x", "path": "f"})
		var answer *sabir.Error
		if !errors.Is(err, sabir.ErrTooLarge) || !errors.As(err, &answer) || answer.Name != "rpc.TooLarge" {
			t.Fatal("all in one:", err)
		}
		if got, err := l.fetch(p{"label": "x", "path": "f"}); len(got) != 5<<20 || err != nil {
			t.Error("piece by piece:", len(got), err)
		}
	})
}
