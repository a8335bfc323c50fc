package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// candidate is a way to go on with a word.
type candidate struct{ word, about string }

// own are the words that the shell has beyond the commands.
var own = []candidate{
	{"exit", "leave the shell"}, {"help", "show what a command, a service or a member does"},
	{"stop", "end what is watched"}, {"watches", "list what is watched"},
}

// candidates are the ways to go on with what was typed after words, as the
// command itself tells shells. space: a word is over with it.
func (s *shell) candidates(words []string, typed string) (all []candidate, space bool) {
	if len(words) == 0 {
		var directive cobra.ShellCompDirective
		if strings.Contains(typed, ".") {
			all, directive = s.asked([]string{"call"}, typed)
			return all, directive&cobra.ShellCompDirectiveNoSpace == 0
		}
		all, _ = s.asked(nil, typed)
		for _, c := range own {
			if strings.HasPrefix(c.word, typed) {
				all = append(all, c)
			}
		}
		services, _ := s.asked([]string{"call"}, typed)
		all = append(all, services...)
		return all, len(services) == 0
	}
	if words[0] == "help" {
		words = append([]string{"describe"}, words[1:]...)
	}
	ctx, cancel := context.WithTimeout(s.ctx, completePatience)
	defer cancel()
	all, directive := s.asked(s.meant(ctx, words), typed)
	return all, directive&cobra.ShellCompDirectiveNoSpace == 0
}

// asked has the program complete, as scripts of shells do.
func (s *shell) asked(words []string, typed string) (all []candidate, directive cobra.ShellCompDirective) {
	var out bytes.Buffer
	a := s.command(&out)
	a.errout = &bytes.Buffer{}
	a.execute(s.ctx, append(append([]string{cobra.ShellCompRequestCmd}, words...), typed))
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		if number, ok := strings.CutPrefix(line, ":"); ok {
			n, _ := strconv.Atoi(number)
			directive = cobra.ShellCompDirective(n)
			break
		}
		word, about, _ := strings.Cut(line, "\t")
		if strings.HasPrefix(word, typed) {
			all = append(all, candidate{word, about})
		}
	}
	return all, directive
}
