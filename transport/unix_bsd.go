//go:build darwin || freebsd

package transport

import (
	"net"
	"syscall"
)

// maxPath is what fits in sockaddr_un with its final zero.
const maxPath = 103

const (
	solLocal      = 0 // SOL_LOCAL of sys/un.h, the level of the next two
	localPeercred = 1 // LOCAL_PEERCRED
	xucredVersion = 0 // XUCRED_VERSION
)

// private does nothing: these kernels have no permissions for a socket that is not bound, so Listen sets them right
// after bind. Until then the umask rules, and the directory, which for names is ours alone.
func private(int) error { return nil }

// credentials reads a struct xucred: version, uid, number of groups, groups. The standard library has no call for
// it, but GetsockoptICMPv6Filter asks for 32 bytes of any option, and the kernel fills in the first 32.
func credentials(conn *net.UnixConn) Peer {
	unknown := Peer{Transport: "unix"}
	raw, err := conn.SyscallConn()
	if err != nil {
		return unknown
	}
	var cred *syscall.ICMPv6Filter
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = syscall.GetsockoptICMPv6Filter(int(fd), solLocal, localPeercred)
	})
	if err != nil || credErr != nil {
		return unknown
	}
	version, uid, groups, gid := cred.Filt[0], cred.Filt[1], cred.Filt[2], cred.Filt[3]
	if version != xucredVersion || groups == 0 || uid == nobody {
		return unknown // groups is never 0 in a struct that was filled in
	}
	return Peer{Transport: "unix", Known: true, UID: uid, GID: gid}
}

// hungUp has no answer here: sending nothing succeeds whatever the peer did.
func hungUp(*net.UnixConn) (gone, known bool) { return false, false }
