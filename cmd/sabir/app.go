package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/spf13/cobra"
)

// app is one run of the program: its world and the flags that all commands share.
type app struct {
	stdio
	address string
	json    bool
	picks   []string
	timeout time.Duration
	quiet   bool
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, world stdio) int {
	a := &app{stdio: world}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errout)
	return a.report(ctx, root.ExecuteContext(ctx))
}

const longHelp = `Talk to the services of this machine, and of others.

A service is found by its name: lounge is the socket lounge.sock. Arguments of a
call are name=text, converted to the declared type, name:=json, values in
declared order, or - for the whole object on stdin.`

const examples = `  sabir ls
  sabir describe lounge
  sabir call lounge.say room=dev name=ann text=hello
  sabir get lounge.users room=dev
  sabir watch lounge.message room=dev
  sabir -a ssh:host/lounge call lounge.say dev ann hello`

// usageTemplate is cobra's without its empty lines and titles that no command
// here has.
const usageTemplate = `usage: {{.UseLine}}{{if .HasExample}}

{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name 11}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`

const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "sabir [flags] COMMAND", Long: longHelp, Example: examples,
		Args: cobra.ArbitraryArgs, RunE: a.noCommand,
		SilenceUsage: true, SilenceErrors: true, DisableFlagsInUseLine: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.BoolP("help", "h", false, "show what a command does")
	flags.StringVarP(&a.address, "address", "a", "", "talk to `ADDRESS` (default: $SABIR_ADDRESS, else the service's name)")
	flags.BoolVar(&a.json, "json", false, "print JSON, one value a line, errors too")
	flags.StringArrayVarP(&a.picks, "output", "o", nil, "print only `FIELD[.FIELD]` of results; several are tab-separated")
	flags.DurationVar(&a.timeout, "timeout", 0, "give up after that `TIME`, such as 5s (default: never)")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but errors on stderr")
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true, Args: cobra.ArbitraryArgs, RunE: func(c *cobra.Command, args []string) error {
		about, rest, err := root.Find(args)
		if err == nil && about == root && len(rest) > 0 {
			return a.noCommand(root, rest)
		}
		if err != nil {
			return err
		}
		return about.Help()
	}})
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usage{err.Error(), c.CommandPath() + " --help"}
	})
	for _, make := range []func() *cobra.Command{
		a.lsCommand, a.describeCommand, a.callCommand, a.getCommand, a.watchCommand,
		a.pipeCommand, a.demoCommand, a.versionCommand, a.completionCommand,
	} {
		c := make()
		c.DisableFlagsInUseLine = true
		root.AddCommand(c)
	}
	cobra.EnableCommandSorting = false
	return root
}

// noCommand runs where the first word names no command, or there is none.
func (a *app) noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	hint := "sabir --help lists the commands"
	if near := codec.Nearest(args[0], names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &usage{fmt.Sprintf("no command %q", args[0]), hint}
}

// takes returns a check for the number of arguments; what names them.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return &usage{c.Name() + " takes " + what, c.CommandPath() + " --help"}
		case most >= 0 && len(args) > most:
			return &usage{fmt.Sprintf("%s takes %s, and %q is too much", c.Name(), what, args[most]), c.CommandPath() + " --help"}
		}
		return nil
	}
}

// noPicks refuses -o where there are no results to pick from.
func (a *app) noPicks(c *cobra.Command) error {
	if len(a.picks) > 0 {
		return &usage{"-o is for results, and " + c.Name() + " has none", ""}
	}
	return nil
}

// limited bounds ctx by --timeout.
func (a *app) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		return context.WithTimeout(ctx, a.timeout)
	}
	return ctx, func() {}
}

// say talks to the person, unless told not to.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.errout, "sabir: %s\n", escape(fmt.Sprintf(format, args...), false))
	}
}
