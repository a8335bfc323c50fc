package hub_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// mute is a service that says once what it has, to a front that begins, and hangs then.
func mute(t *testing.T) (path string) {
	path = filepath.Join(shortDir(t), "mute.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					_, id, _ := strings.Cut(lines.Text(), `"id":`)
					id = id[:strings.IndexAny(id, ",}")]
					switch {
					case strings.Contains(lines.Text(), `"rpc.ping"`):
						fmt.Fprintf(c, `{"id":%s,"result":{}}`+"\n", id)
					case strings.Contains(lines.Text(), `"rpc.describe"`) && !strings.Contains(lines.Text(), `"hash"`):
						fmt.Fprintf(c, `{"id":%s,"result":{"hash":"h","services":[{"name":"mute","version":"1","members":[],"types":[],"errors":[]}]}}`+"\n", id)
					}
				}
			}()
		}
	}()
	return path
}

// Behind a front, too, each call has its own time when the service hangs, whoever has
// asked before and has more of it.
func TestFrontOfWhatHangs(t *testing.T) {
	f, err := hub.NewFront(t.Context(), mute(t), &hub.FrontOptions{Dial: sabir.DialOptions{Log: quiet}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	time.Sleep(1100 * time.Millisecond) // what is not there is looked up again after a second
	call := func(time time.Duration) chan error {
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time)
			defer cancel()
			_, err := f.Handle(ctx, &sabir.Call{Method: "mute.new", Window: sabir.NoWindow, Caller: sabir.Caller{Level: sabir.AccessAdmin}}, nil)
			done <- err
		}()
		return done
	}
	patient := call(20 * time.Second)
	time.Sleep(100 * time.Millisecond)
	begun := time.Now()
	if err := <-call(200 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	select {
	case err := <-patient:
		t.Errorf("who has more time: %v", err)
	default:
	}
}
