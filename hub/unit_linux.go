package hub

import (
	"os/exec"
	"runtime"
	"syscall"
)

// attributes has the command in a group of its own, as the user of the unit,
// and end with the hub, even when that is killed.
func (u *Unit) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	u.as(a)
	return a
}

// startTied starts a command that ends with the thread that has started it:
// the caller keeps it until the command has ended.
func startTied(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	return cmd.Start()
}
