//go:build unix && !linux

package hub

import (
	"os/exec"
	"syscall"
)

// tied are the attributes of a command in a group of its own. If we are killed,
// it is left behind.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startTied(cmd *exec.Cmd) error { return cmd.Start() }
