package main

import (
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// completeOwn lists the services of this machine, and behind one to revoke its
// credentials.
func (a *app) completeOwn(c *cobra.Command, words []string, _ string) (all []string, _ cobra.ShellCompDirective) {
	const silent = cobra.ShellCompDirectiveNoFileComp
	if len(words) == 0 {
		entries, _ := transport.ProcessEnv().Sockets()
		for _, e := range entries {
			all = append(all, e.Name)
		}
		return all, silent
	}
	if len(words) > 1 || c.Name() != "revoke" {
		return nil, silent
	}
	_, store, err := credentials(words[0])
	if err != nil {
		return nil, silent
	}
	known, _ := store.All()
	for _, k := range known {
		all = append(all, described(k.ID, k.Name))
	}
	return all, silent
}

// completeKnown lists the servers that are known here.
func completeKnown(_ *cobra.Command, words []string, _ string) (all []string, _ cobra.ShellCompDirective) {
	const silent = cobra.ShellCompDirectiveNoFileComp
	known, err := knownHosts()
	if err != nil || len(words) > 0 {
		return nil, silent
	}
	hosts, _ := known.All()
	for _, h := range hosts {
		all = append(all, h.HostPort)
	}
	return all, silent
}

// suggest completes a flag with the words that it takes.
func suggest(c *cobra.Command, flag string, words ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // there is no such flag
	}
}

// suggestLevels completes --level.
func suggestLevels(c *cobra.Command) {
	suggest(c, "level", idl.Access("").Cases()...)
}

// suggestKinds completes --kind of monitor.
func suggestKinds(c *cobra.Command) { suggest(c, "kind", hub.EventKind("").Cases()...) }
