"""Talks to a Sabir daemon over TLS with nothing but Python's library: `SABIR_URL=sabir://host:port/#fp=…&t=id.secret
scram.py METHOD [PARAMS]`. With a pairing token, METHOD is rpc.pair."""
import base64, hashlib, hmac, json, os, secrets, socket, ssl, sys
from urllib.parse import parse_qs, urlsplit

b64 = lambda raw: base64.b64encode(raw).decode()
mac = lambda key, text: hmac.digest(key, text.encode(), "sha256")


class Denied(Exception): pass


class Connection:
    def __init__(self, url):
        where = urlsplit(url)
        given = parse_qs(where.fragment)
        self.id, secret = given["t"][0].split(".", 1)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # names and dates mean nothing: the hash counts
        context.set_alpn_protocols(["sabir/1"])
        raw = socket.create_connection((where.hostname, where.port or 7224), timeout=10)
        self.socket = context.wrap_socket(raw)
        certificate = hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()
        shown = base64.urlsafe_b64encode(certificate).decode().rstrip("=")
        if given.get("fp", [shown])[0] != shown:
            raise Denied(f"another certificate: {shown}")
        self.lines, self.sent = self.socket.makefile("rb"), 0
        self.authenticate(secret, certificate)

    def call(self, method, **params):
        self.sent += 1
        message = {"jsonrpc": "2.0", "id": self.sent, "method": method, "params": params}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if "error" in answer:
            raise Denied(answer["error"]["message"])
        return answer["result"]

    def authenticate(self, secret, binding):
        header, nonce = "p=tls-server-end-point,,", b64(secrets.token_bytes(18))
        first = f"n={self.id},r={nonce}"
        answer = self.call("rpc.auth", mechanism="SCRAM-SHA-256-PLUS", data=header + first)["data"]
        fields = dict(field.split("=", 1) for field in answer.split(","))
        if not fields["r"].startswith(nonce) or fields["r"] == nonce or not 4096 <= int(fields["i"]) <= 1_000_000:
            raise Denied("the server's first message is wrong")
        salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        final = f"c={b64(header.encode() + binding)},r={fields['r']}"
        message, key = f"{first},{answer},{final}", mac(salted, "Client Key")
        proof = bytes(x ^ y for x, y in zip(key, mac(hashlib.sha256(key).digest(), message)))
        answer = self.call("rpc.auth", data=f"{final},p={b64(proof)}")["data"]
        if not hmac.compare_digest(answer, f"v={b64(mac(mac(salted, 'Server Key'), message))}"):
            raise Denied("the server does not know the secret")


if __name__ == "__main__":
    try:
        print(json.dumps(Connection(os.environ["SABIR_URL"]).call(sys.argv[1], **json.loads((sys.argv + ["{}"])[2]))))
    except Denied as reason:
        sys.exit(f"denied: {reason}")
