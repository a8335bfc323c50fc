package transport

import (
	"net"
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
	return Peer{Transport: "unix", Known: true, UID: cred.Uid, GID: cred.Gid, PID: int(cred.Pid)}
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
