"""python -m sabir call lounge.say room=dev text=hello: calls, items, subscriptions and descriptions from a shell."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Dict, List, Optional

from . import connect, tree
from .clientcore import Event
from .errors import DeadlineExceeded, OutcomeUnknown, Refused, SabirError, Unavailable


class Usage(Exception):
    pass


def arguments(words: List[str], service: tree.Tree, member: Optional[tree.Tree]) -> Dict[str, Any]:
    """name=text by the declared type, name:=json, and values in declared order."""
    fields = {f["name"]: f["type"] for f in member["params"]} if member else {}
    order, params = list(fields), dict[str, Any]()
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.rstrip(":").isidentifier():
            if not order:
                raise Usage(f"{word!r}: expected name=text or name:=json")
            name, text = order[0], word
        if name.endswith(":"):
            name = name[:-1]
            try:
                params[name] = json.loads(text)
            except ValueError as e:
                raise Usage(f"{name}: {e}") from None
        else:
            kind = tree.kind(service, fields.get(name, {"kind": "string"}))
            params[name] = text
            if kind in ("bool", "int", "float", "any", "list", "map", "struct", "union"):
                try:
                    params[name] = json.loads(text)
                except ValueError:
                    raise Usage(f"{name}: expected a value of type {kind}, got {text!r}") from None
        if name in order:
            order.remove(name)
    return params


def seconds(text: str) -> float:
    """A time to wait; argparse tells what is none."""
    n = float(text)
    if not 0 < n <= 1e9:
        raise ValueError
    return n


def show(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)


def run(o: argparse.Namespace) -> int:
    with connect(o.address or o.member.partition(".")[0], timeout=o.timeout) as c:
        service, _, name = o.member.partition(".")
        if o.command == "describe":
            print(json.dumps(c.describe(service), ensure_ascii=False, indent=2))
            return 0
        described = c.describe(service)
        member = tree.member(described, name)
        params = arguments(o.words, described, member)
        kind = member["kind"] if member else "method"
        if o.command == "watch" and kind != "method" and kind != "stream":
            for e in c.watch(o.member, params):
                told(e)
        elif o.command in ("call", "watch") and kind == "stream":
            for item in c.items(o.member, params):
                show(item)
        else:
            show(c.call(o.member, params))
    return 0


def told(e: Event[Any]) -> None:
    if e.lost:
        print("sabir: lost " + (str(e.lost) if e.lost > 0 else "an unknown number"), file=sys.stderr)
    if e.kind == "item":
        show({"key": e.key, "value": e.value} if e.key else e.value)
    elif e.kind == "gone":
        show({"key": e.key, "gone": True})
    else:
        print(f"sabir: {e.kind}", file=sys.stderr)


def main(words: Optional[List[str]] = None) -> int:
    p = argparse.ArgumentParser(prog="python -m sabir", description="Talk to a Sabir service.")
    p.add_argument("-a", "--address", help="where it is (default: $SABIR_ADDRESS, else the service's name)")
    p.add_argument("--timeout", type=seconds, help="give up after that many seconds")
    p.add_argument("command", choices=["call", "get", "watch", "describe"])
    p.add_argument("member", help="service.member; of describe, the service")
    p.add_argument("words", nargs="*", metavar="name=text", help="params; name:=json for other values")
    o = p.parse_args(words)
    try:
        return run(o)
    except (Usage, ValueError) as e:  # ValueError: params that are no JSON, such as NaN
        print(f"sabir: {e}", file=sys.stderr)
        return 2
    except (Unavailable, OutcomeUnknown) as e:
        print(f"sabir: {printable(str(e))}", file=sys.stderr)
        return 3
    except DeadlineExceeded as e:
        print(f"sabir: {o.member}: {e}", file=sys.stderr)
        return 4
    except Refused as e:
        print(f"sabir: {o.member}: {printable(e.name or str(e.code))}: {printable(str(e))}", file=sys.stderr)
        return 1
    except SabirError as e:
        print(f"sabir: {printable(str(e))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


def printable(text: str) -> str:
    """What a peer said, without what would drive the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else "·" for c in text)


if __name__ == "__main__":
    sys.exit(main())
