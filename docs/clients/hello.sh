#!/usr/bin/env bash
coproc peer { socat - UNIX-CONNECT:"${SABIR_DIR:-$XDG_RUNTIME_DIR/sabir}/hello.sock"; }

greet() { # ID NAME
	jq -cn --argjson id "$1" --arg name "$2" '{$id, method: "hello.greet", params: {$name}}' >&"${peer[1]}"
	while read -r line <&"${peer[0]}" && ! jq -e ".id == $1" <<<"$line" >/dev/null; do :; done
	jq -r 'if .error then "\(.error.data.name): \(.error.message)" else .result.text end' <<<"$line"
}

greet 1 ann
greet 2 bob
