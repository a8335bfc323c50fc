package transport

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Sockets that whoever started the process has made for it, as systemd and a hub do: the protocol of
// sd_listen_fds(3) and, for telling how far one is, of sd_notify(3).

// Activation is that part of the environment. The zero value: nobody made anything, nobody wants to hear.
type Activation struct {
	PID     string // $LISTEN_PID: whom the sockets are for
	FDs     string // $LISTEN_FDS: how many there are, from descriptor 3 on
	FDNames string // $LISTEN_FDNAMES: their names, by colons
	Notify  string // $NOTIFY_SOCKET: where to tell
}

func processActivation() Activation {
	return Activation{os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"), os.Getenv("NOTIFY_SOCKET")}
}

// firstFD is where inherited descriptors begin.
const firstFD = 3

// inherited returns the socket that was made for name, nil if none was. It is called name, name.sock or, as systemd
// calls it by default, name.socket; a single one may have no name. The socket is not ours: Close leaves it in place,
// and what connects afterwards waits for the next run.
func (a Activation) inherited(name string) (*Listener, error) {
	if a.PID != strconv.Itoa(os.Getpid()) || a.FDs == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(a.FDs)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("LISTEN_FDS: %q is no number of sockets", a.FDs)
	}
	names := strings.Split(a.FDNames, ":")
	at := slices.IndexFunc(names, func(s string) bool { return s == name || s == name+".sock" || s == name+".socket" })
	if at < 0 && n == 1 && (a.FDNames == "" || a.FDNames == "unknown") {
		at = 0
	}
	if at < 0 || at >= n {
		return nil, nil
	}
	// A copy, since the descriptor stays for those who listen again.
	fd, err := syscall.Dup(firstFD + at)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: socket %d: %w", at, err)
	}
	syscall.CloseOnExec(fd)
	syscall.CloseOnExec(firstFD + at)
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	ln, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: socket %d: %w", at, err)
	}
	unix, ok := ln.(*net.UnixListener)
	if !ok {
		ln.Close()
		return nil, fmt.Errorf("LISTEN_FDS: socket %d: expected a unix socket, not %s", at, ln.Addr().Network())
	}
	unix.SetUnlinkOnClose(false)
	return &Listener{ln: unix, path: unix.Addr().String(), closing: make(chan struct{})}, nil
}

// Tell says how far the process is, as "READY=1" or "STOPPING=1", to whoever started it and asked to hear.
func (a Activation) Tell(state string) error {
	if a.Notify == "" {
		return nil
	}
	at := a.Notify
	if at[0] == '@' { // without a file
		at = "\x00" + at[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}

// Activation is what the environment says of sockets that were made for us.
func (e Env) Activation() Activation {
	if e == (Env{}) {
		return processActivation()
	}
	return e.Activated
}
