package transport

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sabir-ipc/sabir/internal/needed"
)

// In a user namespace nobody knows who comes from outside of it, also where both seem to be the user nobody.
//
// clause: A4
func TestUserNamespace(t *testing.T) {
	all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100_000, Size: 65536}}
	for name, space := range map[string]*syscall.SysProcAttr{
		"in which nobody has a number": {Cloneflags: syscall.CLONE_NEWUSER},
		"of a container, which has a user nobody": {
			Cloneflags: syscall.CLONE_NEWUSER, UidMappings: all, GidMappings: all, Credential: &syscall.Credential{Uid: overflow, Gid: overflow},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "x.sock")
			cmd := helper(t, "who", path)
			cmd.Path = filepath.Join(dir, "helper") // where that user finds it
			binary, err := os.ReadFile(os.Args[0])
			if err == nil {
				err = os.WriteFile(cmd.Path, binary, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = space
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				needed.Missing(t, "networks", err) // who may make those may make this
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			lines := bufio.NewReader(out)
			said := func(want string) {
				t.Helper()
				if line, err := lines.ReadString('\n'); line != want+"\n" {
					t.Fatalf("%q, %v; want %q", line, err, want)
				}
			}
			said("listening")
			said("true 65534") // itself
			c, err := Dial(t.Context(), Address{Scheme: "unix", Path: path}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			said(fmt.Sprint("false ", nobody))
		})
	}
}
