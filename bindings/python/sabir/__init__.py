"""Sabir: convenient IPC. JSON-RPC 2.0, one object a line, with streams, subscriptions, named errors, descriptions.

A service:

    hello = sabir.Service("hello", "1.0", "Greets people.")

    @hello.method()
    async def greet(name: str) -> Greeting:
        return Greeting(f"hello, {name}")

    sabir.serve(hello)

A client, blocking and in asyncio:

    with sabir.connect("hello") as c:
        print(c.call("hello.greet", name="ann"))

    async with sabir.connect_async("hello") as c:
        print(await c.call("hello.greet", name="ann"))
"""

from .address import AddressError
from .aio import AsyncClient, connect_async
from .caller import Caller, caller
from .client import Client, connect
from .clientcore import Event
from .codec import Enum, Union
from .description import Description
from .errors import (Busy, Cancelled, CertificateError, DeadlineExceeded, Denied, Draining, Error, Internal, InvalidParams, InvalidRequest,
                     InvalidResult, MethodNotFound, OutcomeUnknown, ParseError, Refused, SabirError, TooLarge, Unavailable)
from .feeds import State, Table, Topic
from .hints import Int64, Max, Min, Pattern, Uint64
from .scalars import Unfit
from .service import Service
from .serving import Server, serve, serve_async

__version__ = "0.1.0"

__all__ = [
    "AddressError", "AsyncClient", "Busy", "Caller", "Cancelled", "CertificateError", "Client", "DeadlineExceeded", "Denied", "Description",
    "Draining", "Enum", "Error", "Event", "Int64", "Internal", "InvalidParams", "InvalidRequest", "InvalidResult", "Max", "MethodNotFound", "Min",
    "OutcomeUnknown", "ParseError", "Pattern", "Refused", "SabirError", "Server", "Service", "State", "Table", "TooLarge", "Topic", "Uint64",
    "Unavailable", "Unfit", "Union", "caller", "connect", "connect_async", "serve", "serve_async",
]
