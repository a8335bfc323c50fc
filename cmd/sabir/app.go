package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sabir-ipc/sabir/codec"
	"github.com/sabir-ipc/sabir/wire"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is one run of the program: its world and the flags that all commands share.
type app struct {
	stdio
	address string
	json    bool
	picks   []string
	timeout time.Duration
	quiet   bool
	since   string // EPOCH:SEQ, of the commands that have it
	direct  bool   // likewise: past a hub
	helpErr error  // of --help, to which cobra gives no way to fail

	// Of a line in the shell:
	board  *switchboard     // nil: each command has connections of its own
	result func(wire.Value) // is told what is printed; nil: nobody wants to know
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, world stdio) int {
	a := &app{stdio: world}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errout)
	err := root.ExecuteContext(ctx)
	return a.report(ctx, cmp.Or(err, a.helpErr))
}

const longHelp = `Talk to the services of this machine, and of others.

A service is found by its name: lounge is the socket lounge.sock. Elsewhere it is
at an ADDRESS: a path, ssh:host/lounge, sabir://host once it was joined, or
wss://host behind a proxy. Arguments of a call are name=text, converted to the declared type, name:=json, values in
declared order, or - for the whole object on stdin.

Exit status: 0 done; 1 answered with an error; 2 wrong usage; 3 nobody answered,
or it was not run; 4 too late; 130 interrupted; 141 nobody reads what is printed.`

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

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use: "sabir [flags] COMMAND", Long: longHelp, Example: examples,
		Args: cobra.ArbitraryArgs, RunE: a.noCommand,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if a.timeout <= 0 && c.Flags().Changed("timeout") { // 0 would read as at once, and mean never
				return &usage{fmt.Sprintf("--timeout %v: expected a time above 0", a.timeout), ""}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true, DisableFlagsInUseLine: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := root.PersistentFlags()
	flags.BoolP("help", "h", false, "show what a command does")
	flags.StringVarP(&a.address, "address", "a", a.address, "talk to `ADDRESS` (default: $SABIR_ADDRESS, else the service's name)")
	flags.BoolVar(&a.json, "json", a.json, "print JSON, one value a line, as into a pipe; errors too, on stderr")
	flags.StringArrayVarP(&a.picks, "output", "o", nil, "print only `FIELD[.FIELD]` of results; several are tab-separated")
	flags.DurationVar(&a.timeout, "timeout", a.timeout, "give up after that `TIME`, such as 5s (default: never)")
	flags.BoolVarP(&a.quiet, "quiet", "q", a.quiet, "say nothing but errors on stderr")
	for name, complete := range map[string]cobra.CompletionFunc{"address": a.completeAddress, "output": a.completePick} {
		if err := root.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // the flag is declared above
		}
	}
	root.Flags().Bool("version", false, "print the version")
	root.Flags().Lookup("version").Hidden = true // it is typed out of habit: sabir version is what there is
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		a.helpErr = write(a.out, []byte(cmp.Or(c.Long, c.Short)+"\n\n"+c.UsageString()))
	})
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
		return flagUsage(c, err)
	})
	for _, make := range []func() *cobra.Command{
		a.lsCommand, a.describeCommand, a.callCommand, a.getCommand, a.watchCommand, a.shellCommand,
		a.fmtCommand, a.checkCommand, a.diffCommand, a.genCommand, a.mockCommand,
		a.pipeCommand, a.demoCommand, a.frontCommand, a.hubCommand, a.exportCommand, a.webCommand,
		a.monitorCommand, a.recordCommand, a.replayCommand, a.conformanceCommand,
		a.pairCommand, a.joinCommand, a.tokenCommand, a.passwdCommand, a.rotateCommand, a.trustCommand, a.versionCommand, a.completionCommand,
	} {
		c := make()
		c.DisableFlagsInUseLine = true
		for _, of := range c.Commands() {
			of.DisableFlagsInUseLine = true
		}
		root.AddCommand(c)
	}
	cobra.EnableCommandSorting = false
	return root
}

// noCommand runs where the first word names no command, or there is none.
func (a *app) noCommand(c *cobra.Command, args []string) error {
	if asked, _ := c.Flags().GetBool("version"); asked {
		return a.versionCommand().RunE(c, args)
	}
	if len(args) == 0 {
		return c.Help()
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	hint := "sabir --help lists the commands"
	if a.board != nil { // in the shell
		hint = "help lists the commands"
	}
	near := codec.Nearest(args[0], names)
	switch {
	case near != "":
		hint = "did you mean " + near + "?"
	case strings.Contains(args[0], "."):
		hint = "sabir call " + strings.Join(args, " ")
	case isSocket(args[0]):
		hint = "sabir describe " + args[0]
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

// flagUsage is what is wrong with a flag, without the words of the parser.
func flagUsage(c *cobra.Command, err error) error {
	hint := c.CommandPath() + " --help"
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &invalid):
		wanted := map[string]string{"duration": "a time such as 5s or 2m", "int": "a whole number", "amount": "a number above 0", "bool": "true or false"}
		if what := wanted[invalid.GetFlag().Value.Type()]; what != "" {
			return &usage{fmt.Sprintf("--%s: %v", invalid.GetFlag().Name, expected(what, invalid.GetValue())), hint}
		}
	case errors.As(err, &unknown) && strings.Trim(unknown.GetSpecifiedShortnames(), "0123456789.") == "" && unknown.GetSpecifiedShortnames() != "":
		hint += "; a number below zero is name=-5, or comes after --"
	}
	return &usage{err.Error(), hint}
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

// log is where a server tells what happens to it, and also who was refused: to
// the peer it says no more than that.
func (a *app) log() *slog.Logger {
	// Where nobody reads that any more, as after a restart of what keeps the logs, the server goes on. It does not ignore
	// the signal, since its children would, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	level := slog.LevelInfo
	if a.quiet {
		level = slog.LevelWarn
	}
	return slog.New(slog.NewTextHandler(a.errout, &slog.HandlerOptions{Level: level}))
}

// say talks to the person, unless told not to.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.errout, "sabir: %s\n", escape(fmt.Sprintf(format, args...), false))
	}
}
