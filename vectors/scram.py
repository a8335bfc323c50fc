"""Writes scram.tsv: exchanges of SCRAM-SHA-256 by Python's own hashlib and hmac, with one fault each.

The first one is RFC 7677's, section 3, letter by letter; the script stops if it computes another."""
import base64, hashlib, hmac

b64 = lambda raw: base64.b64encode(raw).decode()
mac = lambda key, text: hmac.digest(key, text.encode(), "sha256")
rows = []

def exchange(binding="", id="2tokentokn", secret="q1v0cM2bJ8hQ3mXy7LZk5A", salt=bytes(range(16)), iterations=4096,
             cnonce="fyko+d2lbbFgONRv9qkxdawL", snonce="3rfcNHYJY1ZVvWVs7j9kQx0h", header=None):
    header = header or ("p=tls-server-end-point,," if binding else "n,,")
    first = f"n={id},r={cnonce}"
    answer = f"r={cnonce}{snonce},s={b64(salt)},i={iterations}"
    bare = f"c={b64(header.encode() + bytes.fromhex(binding))},r={cnonce}{snonce}"
    auth = f"{first},{answer},{bare}"
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, iterations)
    client = mac(salted, "Client Key")
    proof = bytes(x ^ y for x, y in zip(client, mac(hashlib.sha256(client).digest(), auth)))
    signature = mac(mac(salted, "Server Key"), auth)
    return dict(binding=binding or "-", id=id, secret=secret, salt=b64(salt), iterations=iterations, cnonce=cnonce,
                snonce=snonce, m1=header + first, m2=answer, m3=f"{bare},p={b64(proof)}", m4=f"v={b64(signature)}")

def row(clause, does, remark, base, **changes):
    rows.append("\t".join(str(x) for x in [clause, does, *{**base, **changes}.values(), remark]))

rfc = exchange(id="user", secret="pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="),
               cnonce="rOprNGfwEbeRWgbNEkqO", snonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
assert rfc["m3"].endswith("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") and rfc["m4"] == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
row("K5", "ok", "RFC 7677", rfc)
plain, plus = exchange(), exchange("5a" * 32)
row("K5", "ok", "no TLS", plain)
row("K5", "ok", "over TLS", plus)
row("K5", "ok", "over TLS, a certificate signed with SHA-384", exchange("a5" * 48))
row("K8", "ok", "a password", exchange("5a" * 32, id="ann", secret="correct horse, battery", iterations=600000))

def bad(message, clause, remark, base, change):
    row(clause, f"refuse:{message}", remark, base, **change(base))
at = lambda key, old, new: lambda base: {key: base[key].replace(old, new)}
to = lambda key, text: lambda base: {key: text}

bad("client-first", "K5", "does not bind, over TLS", plus, at("m1", "p=tls-server-end-point", "n"))
bad("client-first", "K5", "was told of no binding, over TLS", plus, at("m1", "p=tls-server-end-point", "y"))
bad("client-first", "K5", "another binding", plus, at("m1", "tls-server-end-point", "tls-unique"))
bad("client-first", "K5", "binds, without TLS", plain, at("m1", "n,,", "p=tls-server-end-point,,"))
bad("client-first", "K5", "acts for somebody else", plain, at("m1", "n,,", "n,a=root,"))
bad("client-first", "K5", "an extension that must be known", plain, at("m1", "n,,", "n,,m=x,"))
bad("client-first", "K5", "no header", plain, at("m1", "n,,", ""))
bad("client-first", "K5", "no nonce", plain, at("m1", "r=" + plain["cnonce"], "r="))
bad("client-first", "K5", "a nonce with a control character", plain, at("m1", "+", "\\x01"))
bad("client-first", "K7", "capitals in the id", plain, at("m1", "2token", "2Token"))
bad("client-first", "K7", "an escape in the id", plain, at("m1", "2token", "2=2Ctoken"))
bad("client-first", "K7", "an empty id", plain, at("m1", "2tokentokn", ""))
bad("client-first", "K7", "an id of 65 characters", plain, at("m1", "2tokentokn", "2" * 65))
bad("client-first", "K3", "over 1024 bytes", plain, at("m1", "r=", "r=" + "x" * 1024))
bad("server-first", "K9", "4095 iterations", plain, at("m2", "i=4096", "i=4095"))
bad("server-first", "K9", "1000001 iterations", plain, at("m2", "i=4096", "i=1000001"))
bad("server-first", "K9", "2^31 iterations", plain, at("m2", "i=4096", "i=2147483648"))
bad("server-first", "K9", "no salt", plain, at("m2", "s=" + plain["salt"], "s="))
bad("server-first", "K9", "a salt of 7 bytes", plain, at("m2", plain["salt"], b64(bytes(7))))
bad("server-first", "K9", "another client nonce", plain, at("m2", "r=f", "r=g"))
bad("server-first", "K9", "the nonce is only the client's", plain, at("m2", plain["snonce"], ""))
bad("server-first", "K9", "an error of the server", plain, to("m2", "e=other-error"))
bad("client-final", "K6", "a wrong proof", plain, to("m3", plain["m3"].split(",p=")[0] + ",p=" + b64(bytes(32))))
bad("client-final", "K6", "the proof of another secret", plain, to("m3", exchange(secret="another")["m3"]))
bad("client-final", "K6", "a proof of 31 bytes", plain, to("m3", plain["m3"].split(",p=")[0] + ",p=" + b64(bytes(31))))
bad("client-final", "K6", "base64 cut off", plain, at("m3", "=", ""))
bad("client-final", "K6", "no proof", plain, to("m3", plain["m3"].split(",p=")[0]))
bad("client-final", "K6", "the nonces swapped", plain, at("m3", plain["cnonce"] + plain["snonce"], plain["snonce"] + plain["cnonce"]))
bad("client-final", "K6", "the last message of another exchange", plain, to("m3", exchange(snonce="another")["m3"]))
bad("client-final", "K6", "the first message again", plain, to("m3", plain["m1"]))
bad("client-final", "K5", "bound to another certificate: a relay", plus, to("m3", exchange("5b" + "5a" * 31)["m3"]))
bad("client-final", "K5", "c= is not what the first message said", plain, to("m3", exchange(header="y,,")["m3"]))
bad("server-final", "K9", "a signature made with another secret", plain, to("m4", exchange(secret="another")["m4"]))
bad("server-final", "K9", "the client's proof back", plain, to("m4", "v=" + plain["m3"].split(",p=")[1]))
bad("server-final", "K9", "no signature", plain, to("m4", "v="))
bad("server-final", "K9", "an error", plain, to("m4", "e=invalid-proof"))

with open("scram.tsv", "w") as out:
    print("# clause: K3, K5, K6, K7, K8, K9", file=out)
    print("# spec\tdoes\tbinding\tid\tsecret\tsalt\titerations\tclient nonce\tserver nonce\tclient-first\tserver-first\tclient-final\tserver-final\tremark", file=out)
    print("\n".join(rows), file=out)
