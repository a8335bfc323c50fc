package main

import (
	"bytes"

	"github.com/spf13/cobra"
)

// bashTail makes cobra's script work where the package bash-completion is not
// installed, and with words such as room=dev, of which bash takes what comes
// after = for a word of its own.
const bashTail = `
if ! declare -F _get_comp_words_by_ref >/dev/null && ! declare -F _init_completion >/dev/null; then
	__sabir_init_completion()
	{
		COMPREPLY=()
		local line=${COMP_LINE:0:COMP_POINT}
		read -ra words <<<"$line"
		[[ $line != *[[:space:]] ]] || words+=("")
		cword=$((${#words[@]} - 1))
		cur=${words[cword]}
		prev=${words[cword - 1]}
	}
fi
if ! declare -F __ltrim_colon_completions >/dev/null; then
	__ltrim_colon_completions() { :; }
fi

__sabir_complete()
{
	__start_sabir
	local cur=${COMP_LINE:0:COMP_POINT}
	cur=${cur##*[[:space:]]}
	if [[ $cur == [!-]*=* && $COMP_WORDBREAKS == *=* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${cur%%=*}="}")
	fi
}
complete -o default -F __sabir_complete sabir
`

func (a *app) completeInBash(root *cobra.Command) error {
	var script bytes.Buffer
	if err := root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	script.WriteString(bashTail)
	return write(a.out, script.Bytes())
}
