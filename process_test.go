package sabir_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// What signals do to processes is tested on processes: the test binary is its
// own daemon and its own subscriber.

func TestMain(m *testing.M) {
	switch path := os.Getenv("SABIR_TEST_SOCKET"); os.Getenv("SABIR_TEST_CHILD") {
	case "subscriber":
		subscriber(path)
	case "daemon":
		svc, topic := newsService()
		topic.Keep(sabir.None{})
		topic.Publish(sabir.None{}, number{1})
		if err := sabir.ListenAndServe(context.Background(), path, svc, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

func newsService() (*sabir.Service, *sabir.Topic[number, sabir.None]) {
	svc := sabir.NewService("news", "1", "")
	return svc, sabir.NewTopic[number, sabir.None](svc, "item")
}

// subscriber prints what it is told, a line each.
func subscriber(path string) {
	ctx := context.Background()
	c, err := sabir.Dial(ctx, path, nil)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for e, err := range sabir.Watch[number](ctx, c, "news.item", nil, nil) {
		switch {
		case err != nil:
			fmt.Println("error", err)
		case e.Kind == sabir.Up:
			fmt.Println("up", e.Lost)
		case e.Kind == sabir.Changed:
			fmt.Println("item", e.Value.N, e.Lost)
		case e.Kind == sabir.Down:
			fmt.Println("down")
		}
	}
}

// child starts this test as a child; its lines come from out.
func child(t *testing.T, what, path string) (cmd *exec.Cmd, out *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(exe)
	cmd.Env = append(os.Environ(), "SABIR_TEST_CHILD="+what, "SABIR_TEST_SOCKET="+path)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(pipe)
}

func line(t *testing.T, out *bufio.Scanner) string {
	t.Helper()
	if !out.Scan() {
		t.Fatal("the child has ended:", out.Err())
	}
	return out.Text()
}

// One subscriber is stopped while ten thousand items a second are published:
// nobody else loses anything, memory does not grow, and when it wakes it is
// told exactly what it has lost.
// clause: S10, S13
func TestStopped(t *testing.T) {
	svc, topic := newsService()
	r := newRestartable(t, svc)
	cmd, out := child(t, "subscriber", r.path)
	if got := line(t, out); got != "up 0" {
		t.Fatal(got)
	}
	c := dial(t, r.path, sabir.DialOptions{})
	const total = 20_000
	other := make(chan error, 1)
	up := make(chan struct{})
	go func() {
		next := 1
		for e, err := range sabir.Watch[number](t.Context(), c, "news.item", nil, nil) {
			switch {
			case err != nil:
				other <- err
				return
			case e.Kind == sabir.Up:
				close(up)
				continue
			case e.Lost != 0 || e.Value.N != next:
				other <- fmt.Errorf("expected %d, got %+v", next, e)
				return
			}
			if next++; next > total {
				other <- nil
				return
			}
		}
	}()
	<-up
	publish := func(n int) {
		if err := topic.Publish(sabir.None{}, number{n}); err != nil {
			t.Fatal(err)
		}
	}
	publish(1)
	if got := line(t, out); got != "item 1 0" {
		t.Fatal(got)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := 2; n <= total; n++ {
		publish(n)
		if n%100 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if err := <-other; err != nil {
		t.Error("the other subscriber:", err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("memory has grown by %d KiB", grown>>10)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	last, lostAll, gaps := 1, 0, 0
	for last < total {
		var n, lost int
		if _, err := fmt.Sscanf(line(t, out), "item %d %d", &n, &lost); err != nil {
			t.Fatal(err)
		}
		if n != last+lost+1 {
			t.Fatalf("%d came after %d with %d lost", n, last, lost)
		}
		if last = n; lost > 0 {
			gaps++
		}
		lostAll += lost
	}
	if gaps == 0 || lostAll < total/2 {
		t.Errorf("%d were lost in %d gaps: it was not overrun", lostAll, gaps)
	}
}

// A daemon that is killed and started again is found again, and what was lost
// is told to be unknown.
// clause: S12, O7
func TestKilled(t *testing.T) {
	path := filepath.Join(shortDir(t), "s.sock")
	daemon, _ := child(t, "daemon", path)
	waitFor(t, func() bool {
		c, err := sabir.Dial(t.Context(), path, nil)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	_, out := child(t, "subscriber", path)
	if got := line(t, out); got != "up 0" {
		t.Fatal(got)
	}
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	daemon.Wait()
	child(t, "daemon", path)
	var told []string
	for len(told) < 3 {
		told = append(told, line(t, out))
	}
	// The new daemon publishes 1 before anybody is there.
	if got := strings.Join(told, ", "); got != "down, item 1 -1, up 0" {
		t.Errorf("told %s", got)
	}
}

// A program that cannot be spoken to leaves nothing open here.
func TestNothingIsLeftOfAProgram(t *testing.T) {
	open := func() int {
		files, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	address, err := transport.Parse("exec:false")
	if err != nil {
		t.Fatal(err)
	}
	before := open()
	for failed := 0; failed < 5; { // where it ended before it was written to
		conn, err := sabir.Connect(t.Context(), address, &sabir.DialOptions{CBOR: true})
		if err != nil {
			failed++
			continue
		}
		conn.Close()
	}
	if after := open(); after > before {
		t.Errorf("%d files are open, where %d were", after, before)
	}
}
