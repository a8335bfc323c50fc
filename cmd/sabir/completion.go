package main

import (
	"context"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash | zsh | fish", Short: "print a script that completes the words of this program",
		Example: `  source <(sabir completion bash)
  sabir completion zsh > "${fpath[1]}/_sabir"
  sabir completion fish | source`,
		Args: takes(1, 1, "bash, zsh or fish"), ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return c.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return c.Root().GenZshCompletion(a.out)
			case "fish":
				return c.Root().GenFishCompletion(a.out, true)
			}
			return &usage{"completion takes bash, zsh or fish, not " + args[0], ""}
		},
	}
}

// completePatience is how long a person waits for a list.
const completePatience = time.Second

// completeMember lists SERVICE., SERVICE.MEMBER, and then the arguments that
// are not given yet.
func (a *app) completeMember(c *cobra.Command, words []string, typed string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(c.Context(), completePatience)
	defer cancel()
	const silent = cobra.ShellCompDirectiveNoFileComp
	switch {
	case len(words) > 0 && c.Name() == "describe":
		return nil, silent
	case len(words) > 0:
		return a.completeArgument(ctx, words, typed)
	case !strings.Contains(typed, "."):
		return a.completeService(ctx, c.Name() == "describe"), silent | cobra.ShellCompDirectiveNoSpace
	}
	service, _, _ := strings.Cut(typed, ".")
	client, err := a.dial(ctx, a.addressOf(service), false)
	if err != nil {
		return nil, silent
	}
	defer client.Close()
	services, _, err := describe(ctx, client, service)
	if err != nil {
		return nil, silent
	}
	var all []string
	for i := range services {
		for j := range services[i].Members {
			m := &services[i].Members[j]
			if c.Name() == "watch" && !m.Kind.Subscribed() || c.Name() == "get" && !m.Kind.Subscribed() && !m.Readonly {
				continue
			}
			all = append(all, described(service+"."+m.Name, m.Doc))
		}
	}
	return all, silent
}

// completeService lists the services: those at our address, else the sockets.
func (a *app) completeService(ctx context.Context, alone bool) (all []string) {
	dot := "."
	if alone {
		dot = ""
	}
	if address := a.addressOf(""); address != "" {
		services, _ := a.ask(ctx, address)
		for _, s := range services {
			all = append(all, described(s.Name+dot, s.Doc))
		}
		return all
	}
	entries, _ := transport.ProcessEnv().Sockets()
	for _, e := range entries {
		all = append(all, e.Name+dot)
	}
	return all
}

func (a *app) completeArgument(ctx context.Context, words []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.Contains(typed, "=") {
		return nil, cobra.ShellCompDirectiveDefault // a file, perhaps
	}
	const silent = cobra.ShellCompDirectiveNoFileComp
	t, err := a.open(ctx, words[0])
	if err != nil {
		return nil, silent
	}
	defer t.close()
	if t.member == nil {
		return nil, silent
	}
	given := make(map[string]bool)
	for _, w := range words[1:] {
		name, _, _ := strings.Cut(w, "=")
		given[strings.TrimSuffix(name, ":")] = true
	}
	var all []string
	for _, f := range t.member.Params {
		if !given[f.Name] {
			all = append(all, described(f.Name+"=", f.Type.String()+" "+f.Doc))
		}
	}
	return all, silent | cobra.ShellCompDirectiveNoSpace
}

// described adds to a completion what a shell shows beside it.
func described(word, doc string) string {
	first, _, _ := strings.Cut(doc, "\n")
	if first = strings.TrimSpace(first); first == "" {
		return escape(word, false)
	}
	return escape(word, false) + "\t" + escape(first, false)
}
