"""A server of JSON-RPC 2.0 on stdin and stdout, and faults that may be asked for."""

import json
import sys

fault = sys.argv[1] if len(sys.argv) > 1 else ""


def response(id, **what):
    message = {"id": str(id) if fault == "text-ids" else id, **what}
    if fault != "no-version":
        message["jsonrpc"] = "2.0"
    if fault == "both":
        message.setdefault("result", None)
    return message


def error(id, code, message):
    return response(id, error={"code": code, "message": message})


def answer(request):
    """The response to a request, None to a notification."""
    id = request.get("id") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return error(id, -32600, "invalid request")
    if "id" not in request:
        return error(None, -32601, "method not found") if fault == "answers-notifications" else None
    if request["method"] == "add":
        return response(id, result=sum(request["params"]))
    return error(id, -32601, "method not found")


def batch(requests):
    """The responses to a list of requests, None if there are none."""
    if not requests and fault != "empty-batch":
        return error(None, -32600, "invalid request")
    if fault == "one-of-a-batch":
        requests = requests[:1]
    answers = [a for a in map(answer, requests) if a is not None]
    if fault == "batch-in-pieces":
        for a in answers:
            print(json.dumps(a), flush=True)
        return None
    return answers if answers or fault in ("empty-answer", "empty-batch") else None


for line in sys.stdin:
    try:
        request = json.loads(line)
    except ValueError:
        said = error(None, -32700, "parse error")
        said = [said] if fault == "parse-error-in-a-list" else said
    else:
        said = batch(request) if isinstance(request, list) else answer(request)
    if said is not None:
        print(json.dumps(said), flush=True)
