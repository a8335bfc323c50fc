"""What a server offers, its limits, and what it has done (spec/limits.md)."""

from __future__ import annotations

import time
from typing import Any, Dict, List, NamedTuple, Optional

from . import rpc
from .caller import Caller
from .description import Description, Member
from .errors import MethodNotFound
from .service import Service
from .tree import LEVELS, similar
from .wire import MAX_MESSAGE, clip

LIMITS = {"message": MAX_MESSAGE, "depth": 64, "id": 64, "in_flight": 128, "subscriptions": 256, "window": 1024,
          "queue": 8 << 20, "ring": 1024, "rings": 1024, "key": 4 << 10, "faults": 8}


class Stats:
    """What the server has done, over all its connections. [R4]"""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.connections = self.calls = self.failed = self.in_flight = self.subscriptions = 0
        self.items = self.lost = self.bytes_in = self.bytes_out = 0

    def answer(self) -> Dict[str, Any]:
        counters = {k: v for k, v in vars(self).items() if k != "started"}
        return {**counters, "uptime": time.monotonic() - self.started}


class Offered(NamedTuple):
    """A member that is there to be called."""

    service: Service
    member: Member
    needs: int  # of LEVELS


class Offer:
    """What a server offers: services and members by name, and the description of all."""

    def __init__(self, services: List[Service], product: str = "", version: str = "") -> None:
        self.services = {s.name: s for s in services}
        self.stats = Stats()
        self.own = Description(rpc.TREE)
        first = services[0].description.tree
        self.product, self.version = product or first["name"], version or first["version"]
        self.hash = Description({"name": "", "members": [], "all": [s.description.tree for s in services]}).hash()
        self.full = [f"{s.name}.{m}" for s in services for m in s.description.members]
        self.members = {m.full: Offered(s, m, LEVELS[m.access]) for s in services for m in s.description.members.values()
                        if m.name in s.functions or m.name in s.feeds}

    def find(self, method: str) -> Offered:
        """A member by its full name; MethodNotFound. [M7]"""
        offered = self.members.get(method)
        if offered is None:
            near = similar(method, self.full)
            raise MethodNotFound(f"no {clip(method)}" + (f", did you mean {near}?" if near else ""),
                                 {"method": clip(method), **({"similar": near} if near else {})})
        return offered

    def describe(self, service: Optional[str] = None, hash: Optional[str] = None) -> Dict[str, Any]:
        """The answer of rpc.describe. [R3]"""
        if service is not None and service != "rpc" and service not in self.services:
            raise MethodNotFound(f"no service {clip(service)}", {"method": clip(service)})
        if hash == self.hash:
            return {"hash": hash}
        trees = [s.description.tree for n, s in self.services.items() if service in (None, n)]
        return {"hash": self.hash, "services": [rpc.TREE] if service == "rpc" else trees}

    def info(self, caller: Caller) -> Dict[str, Any]:
        """The answer of rpc.info. [R2]"""
        services = []
        for s in self.services.values():
            t = s.description.tree
            services.append({"name": t["name"], "version": t["version"], **({"doc": t["doc"].split("\n")[0]} if t.get("doc") else {})})
        you = {k: v for k, v in caller._asdict().items() if v is not None and k != "via"}
        if caller.via:
            you["via"] = list(caller.via)
        return {"protocol": 1, "features": [], "product": self.product, "version": self.version,
                "services": services, "limits": LIMITS, "you": you}
