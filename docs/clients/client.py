import json, os, socket, sys

peer = socket.socket(socket.AF_UNIX)
peer.connect((os.environ.get("SABIR_DIR") or os.environ["XDG_RUNTIME_DIR"] + "/sabir") + "/lounge.sock")
lines, last = peer.makefile(encoding="utf-8", newline="\n"), 0


def call(method, params, **members):
    global last
    last += 1
    peer.sendall(json.dumps({"id": last, "method": method, "params": params, **members}).encode() + b"\n")
    for line in lines:
        message = json.loads(line)
        if message.get("method") == "rpc.item" and message["params"]["id"] == last:
            yield message["params"]["value"]
        elif "method" not in message and message.get("id") == last:
            if "error" in message:
                sys.exit(f'{message["error"]["data"]["name"]}: {message["error"]["message"]}')
            yield message["result"]
            return


name = sys.argv[1]
print(next(call("lounge.join", {"room": "dev", "name": name}))["members"])
news = call("lounge.message", {"room": "dev"}, window=0, since={"epoch": "", "seq": 0})
message = next(news)
print(message["name"] + ": " + message["text"])
next(call("lounge.say", {"room": "attic", "name": name, "text": "hello"}))
