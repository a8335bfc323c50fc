"""A server of JSON-RPC 2.0 on stdin and stdout, and faults that may be asked for."""

import json
import sys

fault = sys.argv[1] if len(sys.argv) > 1 else ""


def answer(id, **what):
    message = {"id": str(id) if fault == "text-ids" else id, **what}
    if fault != "no-version":
        message["jsonrpc"] = "2.0"
    if fault == "both":
        message.setdefault("result", None)
    print(json.dumps(message), flush=True)


def error(id, code, message):
    answer(id, error={"code": code, "message": message})


for line in sys.stdin:
    try:
        request = json.loads(line)
    except ValueError:
        error(None, -32700, "parse error")
        continue
    id = request.get("id")
    if not isinstance(request.get("method"), str):
        error(id, -32600, "invalid request")
    elif "id" not in request:
        if fault == "answers-notifications":
            error(None, -32601, "method not found")
    elif request["method"] == "add":
        answer(id, result=sum(request["params"]))
    else:
        error(id, -32601, "method not found")
