package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Server is the process of a peer's server. It answers a line on stdin with
// what it and its children have used, and ends with its stdin.
type Server struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Tool is what was built for this run under that name: it is beside this program.
func Tool(name string) string { return filepath.Join(filepath.Dir(os.Args[0]), name) }

// serverCommand is of this program if none is named.
func serverCommand(program, peer, path string) *exec.Cmd {
	exe := os.Args[0]
	if program != "" {
		exe = Tool(program)
	}
	cmd := exec.Command(exe, "-serve", peer, "-socket", path)
	cmd.Stderr = os.Stderr
	return cmd
}

func startServer(p *Peer, program, path string) (s *Server, err error) {
	s = &Server{cmd: serverCommand(program, p.Name, path)}
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
			if c, err := p.Dial(path); err == nil {
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

// Usage is that of the server and of the daemons that it started.
func (s *Server) Usage() (u Usage) {
	io.WriteString(s.in, "\n")
	l, _ := s.out.ReadBytes('\n')
	json.Unmarshal(l, &u)
	return u
}

// Resident is the memory of the server alone in KiB, seen from outside: it may be asked at any time.
func (s *Server) Resident() int64 { return residentKiB(fmt.Sprint(s.cmd.Process.Pid)) }

func (s *Server) stop() {
	s.in.Close()
	kill := time.AfterFunc(time.Second, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	s.cmd.Wait()
}

// serve is the server process.
func serve(p *Peer, path string) error {
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			json.NewEncoder(os.Stdout).Encode(serverUsage())
		}
		os.Exit(0)
	}()
	return p.Serve(path)
}

// StartChild runs a daemon that ends with this process.
func StartChild(name string, args ...string) error {
	return startLeashed(exec.Command(name, args...))
}

// Start runs the server of another peer as a process of its own, that ends with
// this one.
func Start(program, peer, path string) error {
	cmd := serverCommand(program, peer, path)
	if _, err := cmd.StdinPipe(); err != nil { // it would end with its stdin
		return err
	}
	return startLeashed(cmd)
}

// StartBeside is Start until stop, which waits for the end.
func StartBeside(program, peer, path string) (stop func(), err error) {
	cmd := serverCommand(program, peer, path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return func() { stdin.Close(); cmd.Wait() }, cmd.Start()
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

// WriteWhole makes a file appear with its content.
func WriteWhole(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

const daemonPatience = 10 * time.Second

// AwaitFile reads what WriteWhole wrote.
func AwaitFile(path string) (string, error) {
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

// AwaitSocket waits until somebody listens.
func AwaitSocket(path string) error {
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

// AcceptEach serves each connection in a goroutine of its own.
func AcceptEach(path string, serve func(net.Conn)) error {
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
