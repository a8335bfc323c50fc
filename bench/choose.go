package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sabir-ipc/sabir/bench/load"
)

func workNames() (names []string) {
	for _, w := range load.Works {
		names = append(names, w.Name)
	}
	return names
}

// choose takes the lists of the command line. A peer that was named and cannot
// run here is an error; of all, those that cannot are told and left out.
func (c *config) choose(peerList, workList string) error {
	switch peerList {
	case "":
		c.peers = quick
	case "all":
		for _, name := range peerNames() {
			if peerNamed(name).apart && !c.smoke {
				continue
			}
			if lacks := peerNamed(name).lacks(); lacks != "" {
				fmt.Fprintf(os.Stderr, "bench: without %s, which needs %s\n", name, lacks)
				continue
			}
			c.peers = append(c.peers, name)
		}
	default:
		for name := range strings.SplitSeq(peerList, ",") {
			p := peerNamed(name)
			if p == nil {
				return fmt.Errorf("no peer %q; there are %s", name, strings.Join(peerNames(), ", "))
			}
			if lacks := p.lacks(); lacks != "" {
				return fmt.Errorf("%s needs %s", name, lacks)
			}
			c.peers = append(c.peers, name)
		}
	}
	if !slices.Contains(c.peers, "raw") {
		c.peers = append([]string{"raw"}, c.peers...)
	}
	for name := range strings.SplitSeq(workList, ",") {
		switch name {
		case "all":
			c.works = append(append(c.works, plain...), "cli")
		case "scale":
			for _, w := range load.Works {
				if w.Points != nil {
					c.works = append(c.works, w.Name)
				}
			}
		default:
			if load.WorkNamed(name) == nil {
				return fmt.Errorf("no work %q; there are %s", name, strings.Join(workNames(), ", "))
			}
			c.works = append(c.works, name)
		}
	}
	return nil
}
