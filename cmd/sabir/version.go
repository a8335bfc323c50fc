package main

import (
	"fmt"
	"runtime/debug"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
)

const (
	version  = "0.1.0"
	protocol = 1
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "print the version", Args: takes(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			return a.version()
		},
	}
}

// built is what the Go tool has put into the program.
type built struct {
	Version  string
	Protocol int
	Go       string `sabir:",optional"`
	System   string `sabir:",optional"`
	Revision string `sabir:",optional"`
	Modified bool   `sabir:",optional"`
}

func (a *app) version() error {
	b := built{Version: version, Protocol: protocol}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Go = info.GoVersion
		set := map[string]string{}
		for _, s := range info.Settings {
			set[s.Key] = s.Value
		}
		b.System = set["GOOS"] + "/" + set["GOARCH"]
		b.Revision = set["vcs.revision"]
		b.Modified = set["vcs.modified"] == "true"
	}
	if a.json {
		raw, err := codec.AppendAny(nil, wire.JSON, &b)
		if err != nil {
			return err
		}
		return write(a.out, append(raw, '\n'))
	}
	text := fmt.Sprintf("sabir %s (protocol %d)\n", b.Version, b.Protocol)
	if b.Go != "" {
		text += fmt.Sprintf("%s %s\n", b.Go, b.System)
	}
	if b.Revision != "" {
		text += "revision " + b.Revision
		if b.Modified {
			text += ", modified"
		}
		text += "\n"
	}
	return write(a.out, []byte(text))
}
