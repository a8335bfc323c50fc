package hub

import (
	"os/exec"
	"runtime"
	"syscall"
)

// tied are the attributes of a command in a group of its own that ends with us,
// even when we are killed. What it has started itself is up to it then.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// startTied starts a command that ends with the thread that has started it:
// the caller keeps it until the command has ended.
func startTied(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	return cmd.Start()
}
