"""Joins a room of the lounge, watches it, says something there and prints it as it comes: chat.py ROOM NAME TEXT"""
import json, os, sys
from scram import Connection

room, name, text = sys.argv[1:]
lounge = Connection(os.environ["SABIR_URL"])
send = lambda **message: lounge.socket.sendall(json.dumps(message).encode() + b"\n")
lounge.call("lounge.join", room=room, name=name)
send(id="watch", method="lounge.message", params={"room": room}, window=0)
for line in lounge.lines:
    message = json.loads(line)
    if message.get("method") == "rpc.live":
        send(id="say", method="lounge.say", params={"room": room, "name": name, "text": text})
    if message.get("method") == "rpc.item":
        print(json.dumps(message["params"]["value"]))
        break
