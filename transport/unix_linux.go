package transport

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// maxPath is what fits in sockaddr_un with its final zero.
const maxPath = 107

// private gives a socket that is not yet bound its permissions, so that there is no moment in which it has others,
// whatever the umask. chmod after bind, as others do it, leaves one.
func private(fd int) error { return syscall.Fchmod(fd, 0o600) }

// credentials asks the kernel who made the other end. A TCP socket would answer too, with uid -1; and so nobody is
// what every doubtful answer becomes.
func credentials(conn *net.UnixConn) Peer {
	unknown := Peer{Transport: "unix"}
	raw, err := conn.SyscallConn()
	if err != nil {
		return unknown
	}
	var cred *syscall.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || credErr != nil || cred.Uid == nobody || cred.Gid == nobody {
		return unknown
	}
	if cred.Uid == overflow && !sameNamespace(int(cred.Pid)) {
		return unknown
	}
	return Peer{Transport: "unix", Known: true, UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
}

// overflow is the user nobody, and in a user namespace, as that of a container, also the uid that the kernel shows of
// everybody whom the namespace has no number for. Who runs there as nobody would take all users of the host for himself.
const overflow = 65534

// sameNamespace reports whether users have the same numbers for a process as for us. spec [A4]
func sameNamespace(pid int) bool {
	numbers, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	if f := strings.Fields(string(numbers)); len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295" {
		return true // it is that of the machine, where everybody has one
	}
	ours, err := os.Readlink("/proc/self/ns/user")
	theirs, e := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", pid))
	return err == nil && e == nil && ours == theirs
}

// hungUp sends nothing: the kernel refuses even that with EPIPE once the peer has closed, and accepts it as long as
// the peer may read. poll's POLLHUP tells the same, but the standard library has no poll.
func hungUp(conn *net.UnixConn) (gone, known bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, false
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		sendErr = syscall.Sendto(int(fd), nil, syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, nil)
	})
	if err != nil {
		return false, false
	}
	return sendErr == syscall.EPIPE, sendErr == nil || sendErr == syscall.EPIPE
}
