package sabir_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// docShell is a bash that lives as long as a page.
type docShell struct {
	dir        string // where it is
	sockets    string // $SABIR_DIR
	background bool   // something was started that may still run

	cmd   *exec.Cmd
	in    *os.File
	lines chan string
}

// docMark ends the output of a command.
const docMark = "@done@"

// docPrelude makes the one line true that cannot be in a test: the module is taken from here.
const docPrelude = `
go() {
	if [ "$*" = "get github.com/sabir-ipc/sabir" ]; then
		cp "$SABIR_REPO/go.sum" . && command go mod edit -require=github.com/sabir-ipc/sabir@v0.1.0 -replace="github.com/sabir-ipc/sabir=$SABIR_REPO"
	else
		command go "$@"
	fi
}
`

// newDocShell starts a shell in dir. Its commands come over a file of their own, so that they are nobody's stdin.
func newDocShell(dir, bin, sockets string) (*docShell, error) {
	repo, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	built, err := exec.Command("go", "env", "GOCACHE").Output() // below XDG_CACHE_HOME, unless it is said
	if err != nil {
		return nil, err
	}
	read, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	out, outWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer outWrite.Close()
	s := &docShell{dir: dir, sockets: sockets, in: in, lines: make(chan string, 1000)}
	s.cmd = exec.Command("bash", "/dev/fd/3")
	s.cmd.Dir = dir
	s.cmd.ExtraFiles = []*os.File{read}
	s.cmd.Stdout, s.cmd.Stderr = outWrite, outWrite
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PWD="+dir, "LC_ALL=C.UTF-8", "BASH_ENV=",
		"SABIR_DIR="+sockets, "XDG_CACHE_HOME="+filepath.Join(filepath.Dir(sockets), "cache"), "XDG_RUNTIME_DIR="+filepath.Dir(sockets), "XDG_STATE_HOME="+filepath.Join(filepath.Dir(sockets), "state"), "SABIR_ADDRESS=", "SABIR_REPO="+repo,
		"GOCACHE="+strings.TrimSpace(string(built)), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends when the last process that could write has, which end waits for
		defer out.Close()
		defer close(s.lines)
		for b := bufio.NewScanner(out); b.Scan(); {
			s.lines <- b.Text()
		}
	}()
	_, err = io.WriteString(in, docPrelude)
	return s, err
}

// run runs a line and compares its output.
func (s *docShell) run(line string, want []string) error {
	starts := strings.HasSuffix(line, "&")
	s.background = s.background || starts
	before := s.listening()
	if _, err := fmt.Fprintf(s.in, "%s\ns=$?; printf '%s%%s\\n' \"$PWD\"; (exit $s)\n", line, docMark); err != nil {
		return err
	}
	var got []string
	late := time.After(docPatience)
	for done := false; !done || !docMatch(got, want, s.background); {
		if done && !s.background {
			return docDifference(got, want)
		}
		select {
		case text, ok := <-s.lines:
			if !ok {
				return fmt.Errorf("the shell has ended; %w", docDifference(got, want))
			}
			text, dir, ended := strings.Cut(text, docMark)
			if ended {
				done, s.dir = true, dir
				late = time.After(docSettle)
			}
			if text != "" || !ended {
				got = append(got, text)
			}
		case <-late:
			return docDifference(got, want)
		}
	}
	if !starts || len(want) > 0 {
		return nil
	}
	// Nothing tells that a service is there but its socket, so that there is no other way than to look again.
	for end := time.Now().Add(docSettle); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for socket := range s.listening() {
			if !before[socket] {
				return nil
			}
		}
	}
	return fmt.Errorf("no new socket in %s", s.sockets)
}

// listening returns the sockets on which somebody listens.
func (s *docShell) listening() map[string]bool {
	all := make(map[string]bool)
	files, _ := filepath.Glob(filepath.Join(s.sockets, "*.sock"))
	for _, file := range files {
		if c, err := net.Dial("unix", file); err == nil {
			c.Close()
			all[file] = true
		}
	}
	return all
}

// end ends the shell with all that it has started, and returns when they have.
func (s *docShell) end() error {
	s.in.Close()
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	var err error
	for late := time.After(docSettle); ; {
		select {
		case _, ok := <-s.lines:
			if ok {
				continue
			}
		case <-late:
			err = fmt.Errorf("what was started does not heed SIGTERM")
			syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
			for range s.lines {
			}
		}
		s.cmd.Wait() // the status is the signal
		return err
	}
}
