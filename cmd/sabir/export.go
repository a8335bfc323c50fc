package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
	"github.com/sabir-ipc/sabir/idl"
	"github.com/sabir-ipc/sabir/transport"
	"github.com/spf13/cobra"
)

// exporting is what sabir export is told.
type exporting struct {
	to        string
	listen    []string
	processes int
	facing
	others opening
}

func (a *app) exportCommand() *cobra.Command {
	var e exporting
	c := &cobra.Command{
		Use: "export [flags] FILE.sabir -- COMMAND [ARGUMENT...]", Short: "make a service of a command",
		Long: `Serve what FILE.sabir describes, until interrupted, by running COMMAND for each
call with the member's name as its last argument.

The params are on its stdin, as one line of JSON, and each in a variable, the
param room in SABIR_PARAM_ROOM: texts as they are, others as JSON.
SABIR_SERVICE, SABIR_MEMBER, SABIR_CALLER and SABIR_LEVEL say what is called by
whom: the name of a credential, or a user of the machine as "uid 1000".

What it prints is the result: an object, or the value of the one field, texts
bare. Of a stream, a topic or a state each line is an item. Of a table a line is
{"key":…,"value":…} or {"key":…,"gone":true}, and an empty line ends a list of
all rows: what was not in it is gone. Params and results are checked.

For a topic, state or table COMMAND runs once as long as somebody listens, and
for a topic, which has a history, a minute longer: for all callers if the member
is common, and then SABIR_CALLER is empty, else for each.

With a status that is not zero, its last line on stderr may be the name of a
declared error and its params, as in: NoSuchRoom {"room":"dev"}. Else it is the
declared error Failed {status: int, text: string}, or rpc.Internal and the last
lines of its stderr are in the log here.`,
		Example: "  sabir export weather.sabir -- ./weather\n  sabir export bot.sabir --to lounge -- bash bot.sh",
		Args:    takes(2, -1, "FILE.sabir -- COMMAND"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.noPicks(c); err != nil {
				return err
			}
			if dash := c.ArgsLenAtDash(); dash != 1 {
				return &usage{"COMMAND comes after --", "sabir export " + args[0] + " -- " + args[1]}
			}
			return a.export(c.Context(), args[0], args[1:], e)
		},
	}
	c.Flags().StringVar(&e.to, "to", "", toUse)
	c.Flags().StringArrayVar(&e.listen, "listen", nil, "listen at `ADDRESS` too, as sabir://0.0.0.0 or tcp:localhost:7224")
	c.Flags().IntVar(&e.processes, "processes", 64, "run at most `N` at once")
	e.flags(c)
	e.others.flags(c)
	return c
}

// cannotRun is why there is no such program, without its name.
func cannotRun(err error) error {
	var not *exec.Error
	if errors.As(err, &not) {
		err = not.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err
}

func (a *app) export(ctx context.Context, file string, command []string, e exporting) error {
	if e.processes < 1 {
		return &usage{fmt.Sprintf("--processes: %v", expected("a number above 0", fmt.Sprint(e.processes))), ""}
	}
	face, err := e.face()
	if err != nil {
		return err
	}
	f, err := idl.Load(file, os.ReadFile)
	if err != nil {
		return err
	}
	if f.Service.Name == "" {
		return &usage{file + " describes no service, only types", ""}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return &usage{fmt.Sprintf("%s: %v", command[0], cannotRun(err)), "COMMAND is run for each call: the path of a program, or its name in $PATH"}
	}
	log := a.log()
	p, err := hub.NewProgram(&f.Service, command, &hub.ProgramOptions{Processes: e.processes, Log: log})
	if err != nil {
		return &usage{fmt.Sprintf("%s: %v", file, err), ""}
	}
	defer p.Close()
	name := f.Service.Name
	serve := sabir.ServeOptions{
		Log: log, Listen: e.listen, HTTP: face,
		Ready: func(all []transport.Address) {
			a.say("%s listens on %s", name, all[0].Path)
			a.sayClosed(e.others, all[0].Path)
			for _, at := range all[1:] {
				a.say("and at %s, for those who are let in by: sabir pair %s", at, name)
			}
			a.sayPages(all[1:], name)
		},
	}
	if err := e.others.open(&serve); err != nil {
		return err
	}
	if e.to != "" {
		if e.others != (opening{}) {
			return &usage{"with --to there is no socket here to let others in at", "let them in where --to goes"}
		}
		return a.offer(ctx, e.to, name, p, &sabir.ServeOptions{Log: log, Listen: e.listen, HTTP: face})
	}
	err = sabir.ListenAndServe(ctx, a.addressOf(name), p, &serve)
	return served("export", err)
}
