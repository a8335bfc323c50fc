import json, os, socket

folder = os.environ.get("SABIR_DIR") or os.environ["XDG_RUNTIME_DIR"] + "/sabir"
peer = socket.socket(socket.AF_UNIX)
peer.connect(folder + "/hello.sock")
lines = peer.makefile(encoding="utf-8", newline="\n")


def greet(id, name):
    peer.sendall(json.dumps({"id": id, "method": "hello.greet", "params": {"name": name}}).encode() + b"\n")
    answer = next(m for m in map(json.loads, lines) if m.get("id") == id)
    if error := answer.get("error"):
        return error["data"]["name"] + ": " + error["message"]
    return answer["result"]["text"]


print(greet(1, "ann"))
print(greet(2, "bob"))
