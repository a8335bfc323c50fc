package main

import (
	"context"
	"strings"
	"time"

	"github.com/sabir-ipc/sabir/idl"
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
				return a.completeInBash(c.Root())
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
	client, hangUp, err := a.reach(ctx, a.addressOf(service))
	if err != nil {
		return nil, silent
	}
	defer hangUp()
	d, err := describe(ctx, client, service, "")
	if err != nil {
		return nil, silent
	}
	var all []string
	for i := range d.services {
		for j := range d.services[i].Members {
			m := &d.services[i].Members[j]
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
		f, _ := a.ask(ctx, address)
		for _, s := range f.services {
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
	const silent = cobra.ShellCompDirectiveNoFileComp
	t, err := a.open(ctx, words[0])
	if err != nil {
		return nil, silent
	}
	defer t.close()
	if t.member == nil {
		return nil, silent
	}
	if name, _, ok := strings.Cut(typed, "="); ok {
		return t.completeValue(name), silent
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

// completeValue lists the values of an argument where there are only so many.
func (t *target) completeValue(name string) (all []string) {
	conv := converter{service: t.service}
	typ := conv.resolve(t.paramType(name))
	switch typ.Kind {
	case idl.Bool:
		return []string{name + "=true", name + "=false"}
	case idl.Enum:
		for _, c := range typ.Options {
			all = append(all, described(name+"="+c.Name, c.Doc))
		}
	case idl.Time:
		return []string{name + "=now"}
	}
	return all
}

// completeAddress lists what -a takes: the names of this machine, and the
// servers that are known here.
func (a *app) completeAddress(*cobra.Command, []string, string) (all []string, _ cobra.ShellCompDirective) {
	entries, _ := transport.ProcessEnv().Sockets()
	for _, e := range entries {
		all = append(all, e.Name)
	}
	if known, err := knownHosts(); err == nil {
		hosts, _ := known.All()
		for _, h := range hosts {
			all = append(all, "sabir://"+h.HostPort)
		}
	}
	return all, cobra.ShellCompDirectiveDefault
}

// completePick lists what -o can pick of the member on the command line.
func (a *app) completePick(c *cobra.Command, words []string, _ string) (all []string, _ cobra.ShellCompDirective) {
	const silent = cobra.ShellCompDirectiveNoFileComp
	if len(words) == 0 {
		return nil, silent
	}
	ctx, cancel := context.WithTimeout(c.Context(), completePatience)
	defer cancel()
	t, err := a.open(ctx, words[0])
	if err != nil {
		return nil, silent
	}
	defer t.close()
	typ := t.resultType()
	if t.kind() != idl.Method && (typ == nil || c.Name() != "call") {
		typ = t.itemType()
	}
	return t.fieldsOf("", typ, 2), silent
}

// fieldsOf lists the ways into a type, a few steps deep.
func (t *target) fieldsOf(prefix string, typ *idl.Type, depth int) (all []string) {
	conv := converter{service: t.service}
	typ = conv.resolve(typ)
	for _, f := range typ.Fields {
		all = append(all, described(prefix+f.Name, f.Doc))
		if depth > 1 {
			all = append(all, t.fieldsOf(prefix+f.Name+".", &f.Type, depth-1)...)
		}
	}
	return all
}

// described adds to a completion what a shell shows beside it.
func described(word, doc string) string {
	first, _, _ := strings.Cut(doc, "\n")
	if first = strings.TrimSpace(first); first == "" {
		return escape(word, false)
	}
	return escape(word, false) + "\t" + escape(first, false)
}
