//go:build unix && !linux

package hub

import (
	"os/exec"
	"syscall"
)

// attributes has the command in a group of its own, as the user of the unit.
// A hub that is killed leaves it behind.
func (u *Unit) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	u.as(a)
	return a
}

func startTied(cmd *exec.Cmd) error { return cmd.Start() }
