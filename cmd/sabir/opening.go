package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// opening is whom a command that listens lets in at its sockets, besides its own
// user and root.
type opening struct{ group, users string }

func (o *opening) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.group, "group", "", "let in the members of `GROUP` of this machine, with level write, or as in audio:read")
	c.Flags().StringVar(&o.users, "users", "", "let in all users of this machine, with `LEVEL` read, write or admin")
	suggest(c, "users", "read", "write", "admin")
}

// open has a server let them in.
func (o *opening) open(opts *sabir.ServeOptions) error {
	group, level, given := strings.Cut(o.group, ":")
	switch {
	case o.group == "" && o.users == "":
		return nil
	case o.group != "" && o.users != "":
		return &usage{"--group and --users: one of them", "--users lets in the members of any group"}
	case o.users != "":
		level, opts.Mode = o.users, 0o666
	case group == "":
		return &usage{fmt.Sprintf("--group %s: expected a group, or GROUP:LEVEL", o.group), "--group audio:read"}
	default:
		opts.Group = group
		if !given {
			level = string(sabir.AccessWrite)
		}
	}
	access := sabir.Access(level)
	if !slices.Contains([]sabir.Access{sabir.AccessRead, sabir.AccessWrite, sabir.AccessAdmin}, access) {
		flag := "--group " + o.group
		if o.users != "" {
			flag = "--users " + o.users
		}
		return &usage{flag + ": expected level read, write or admin", ""}
	}
	opts.Level = func(p transport.Peer) sabir.Access {
		own := sabir.OwnLevel(p)
		if own == sabir.NoAccess && p.Transport == "unix" && p.Known { // he got in where only they can
			return access
		}
		return own
	}
	return nil
}

// sayClosed tells where a folder keeps out those who are let in at a socket in it.
func (a *app) sayClosed(o opening, socket string) {
	if o == (opening{}) {
		return
	}
	for dir := filepath.Dir(socket); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.Mode()&0o011 == 0 {
			a.say("nobody else can come to it: %s is closed to other users", dir)
			return
		}
		if err != nil || dir == filepath.Dir(dir) {
			return
		}
	}
}
