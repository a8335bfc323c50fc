#!/usr/bin/env bash
coproc socat - UNIX-CONNECT:"${SABIR_DIR:-$XDG_RUNTIME_DIR/sabir}/lounge.sock"
exec 3<&"${COPROC[0]}" 4>&"${COPROC[1]}"
last=0

send() { # METHOD PARAMS [MORE]
	jq -cn --argjson id $((++last)) --arg method "$1" --argjson params "$2" --argjson more "${3-"{}"}" \
		'{$id, $method, $params} + $more' >&4
}

answer() { # prints the result of the last call, or its first item
	local line
	while read -r line <&3; do
		case $(jq -r --argjson id $last 'if .method == "rpc.item" and .params.id == $id then "item"
			elif .id == $id and .error then "error" elif .id == $id and (.method | not) then "result" else "" end' <<<"$line") in
		item) jq .params.value <<<"$line"; return ;;
		result) jq .result <<<"$line"; return ;;
		error) jq -r '"\(.error.data.name): \(.error.message)"' <<<"$line" >&2; return 1 ;;
		esac
	done
	return 1
}

send lounge.join "$(jq -n --arg name "$1" '{room: "dev", $name}')"
answer | jq .members
send lounge.message '{"room":"dev"}' '{"window":0,"since":{"epoch":"","seq":0}}'
answer | jq -r '"\(.name): \(.text)"'
send lounge.say "$(jq -n --arg name "$1" '{room: "attic", $name, text: "hello"}')"
answer || exit 1
