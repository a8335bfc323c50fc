package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// server is the process of a peer's server. It answers a line on stdin with
// what it and its children have used, and ends with its stdin.
type server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startServer(p *peer, path string) (*server, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(exe, "-serve", p.name, "-socket", path)}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 2000 {
		if listens(path) { // some clients dial lazily, and would only find out later
			if c, err := p.dial(path); err == nil {
				c.Close()
				return s, nil
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the server did not come up")
}

// listens tells whether there is a socket with a listener, or the file of a peer
// that writes one once it is ready.
func listens(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return err == nil
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (s *server) usage() (u usage) {
	io.WriteString(s.in, "\n")
	l, _ := s.out.ReadBytes('\n')
	json.Unmarshal(l, &u)
	return u
}

func (s *server) stop() {
	s.in.Close()
	kill := time.AfterFunc(time.Second, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	s.cmd.Wait()
}

// serve is the server process.
func serve(p *peer, path string) error {
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			json.NewEncoder(os.Stdout).Encode(serverUsage())
		}
		os.Exit(0)
	}()
	return p.serve(path)
}

// startChild runs a daemon that ends with this process.
func startChild(name string, args ...string) error {
	return startLeashed(exec.Command(name, args...))
}

// startSelf runs the server of another peer as a process of its own.
func startSelf(peer, path string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, "-serve", peer, "-socket", path)
	if _, err := cmd.StdinPipe(); err != nil { // it would end with its stdin
		return err
	}
	return startLeashed(cmd)
}

// startLeashed keeps a thread for ever: the kernel ends the child when the
// thread that started it does.
func startLeashed(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		cmd.Wait()
	}()
	return <-started
}

// writeWhole makes a file appear with its content.
func writeWhole(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

const daemonPatience = 10 * time.Second

func awaitFile(path string) (string, error) {
	for end := time.Now().Add(daemonPatience); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil {
			return string(b), nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("nobody wrote it in time: %w", err)
		}
	}
}

func awaitSocket(path string) error {
	for end := time.Now().Add(daemonPatience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("unix", path)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return fmt.Errorf("nobody listens in time: %w", err)
		}
	}
}

// acceptEach serves each connection in a goroutine of its own.
func acceptEach(path string, serve func(net.Conn)) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go serve(c)
	}
}
