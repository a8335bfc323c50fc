"""Offering an API: functions become methods and streams, and topics, states and tables are objects to publish on."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Type, TypeVar, overload

from .codec import Types, dump_value
from .description import Description, Member
from .errors import Error
from .feeds import Feed, State, Table, Topic, key_of
from .hints import Describer, check_name, doc_of, plain
from .scalars import Faults
from .tree import Tree

F = TypeVar("F", bound=Callable[..., Any])


class Service:
    """A named API. Declare everything before it is served.

        hello = sabir.Service("hello", "1.0", "Greets people.")

        @hello.method()
        async def greet(name: str) -> Greeting: ...

    A function with `async def` runs in the event loop, one with `def` in a thread of its own, so it may block. One that
    returns an Iterator or AsyncIterator is a stream. Params are checked before it runs; what it raises is answered as
    it is if it is declared in `errors`, else as rpc.Internal, and its traceback goes to the log."""

    def __init__(self, name: str, version: str = "1.0", doc: str = "", *, description: Optional[Description] = None) -> None:
        check_name(name)
        self._given = description
        self._hints = Describer()
        self._tree: Tree = {"name": name, "version": version, "members": [], "types": self._hints.types, "errors": []}
        if doc:
            self._tree["doc"] = doc
        self._errors: Dict[str, Type[Error]] = {}
        self._results: Dict[str, type] = {}
        self._compiled = description
        self.functions: Dict[str, Callable[..., Any]] = {}
        self.coroutines: Set[str] = set()  # which of them are `async def`
        self.feeds: Dict[str, Feed] = {}
        self.accept: Dict[str, Callable[..., Any]] = {}

    @property
    def name(self) -> str:
        return self._given.name if self._given else str(self._tree["name"])

    @property
    def description(self) -> Description:
        if self._compiled is None:
            order = ("name", "version", "doc", "members", "types", "errors")
            t = {k: self._tree[k] for k in order if k in self._tree}
            self._compiled = Description(t, self._hints.classes, self._errors, self._results)
            for name, feed in self.feeds.items():
                self._connect(feed, self._compiled.member(name))
            for member in self._compiled.members.values():
                check_defaults(member)
        return self._compiled

    @overload
    def method(self, name: F) -> F: ...

    @overload
    def method(self, name: Optional[str] = None, *, errors: Sequence[Type[Error]] = (), doc: Optional[str] = None, **flags: Any) -> Callable[[F], F]: ...

    def method(self, name: Any = None, *, errors: Sequence[Type[Error]] = (), doc: Optional[str] = None, **flags: Any) -> Any:
        """Makes a function a method or a stream, as `@service.method` or with any of these. Flags are those of the
        description: readonly, idempotent, destructive, access, deprecated, since, unstable."""
        named = None if callable(name) else name

        def declare(function: F) -> F:
            member_name = named or plain(function.__name__)
            result, item = self._hints.result(function)
            member: Tree = {"kind": "method" if item is None else "stream", "name": member_name}
            self._doc(member, doc if doc is not None else doc_of(function))
            member["params"] = self._hints.params(function)
            if item is not None:
                member["item"] = item
            elif result is None:
                member["result"] = []
            else:
                member["result"] = self._hints.fields(result)
                self._results[member_name] = result
            self._declare(member, errors, flags)
            self._function(member_name, function, member["params"])
            return function
        return declare(name) if callable(name) else declare

    def topic(self, name: str, item: Type[Any], params: Optional[Mapping[str, Any]] = None, *, doc: str = "", errors: Sequence[Type[Error]] = (),
              accept: Optional[Callable[..., Any]] = None, on_listeners: Optional[Callable[..., None]] = None, **flags: Any) -> "Topic[Any]":
        """A topic: things that happen. `accept(**params)` may refuse a subscriber by raising;
        `on_listeners(listening=…, **params)` hears when somebody comes and when nobody is left; what it raises is logged."""
        topic: "Topic[Any]" = Topic()
        self._feed("topic", name, item, params, topic, doc, errors, accept, on_listeners, flags)
        return topic

    def state(self, name: str, item: Type[Any], params: Optional[Mapping[str, Any]] = None, *, doc: str = "", errors: Sequence[Type[Error]] = (),
              accept: Optional[Callable[..., Any]] = None, on_listeners: Optional[Callable[..., None]] = None, **flags: Any) -> "State[Any]":
        """A state: one value that changes."""
        state: "State[Any]" = State()
        self._feed("state", name, item, params, state, doc, errors, accept, on_listeners, flags)
        return state

    def table(self, name: str, item: Type[Any], params: Optional[Mapping[str, Any]] = None, *, doc: str = "", errors: Sequence[Type[Error]] = (),
              accept: Optional[Callable[..., Any]] = None, on_listeners: Optional[Callable[..., None]] = None, **flags: Any) -> "Table[Any]":
        """A table: many values by key."""
        table: "Table[Any]" = Table()
        self._feed("table", name, item, params, table, doc, errors, accept, on_listeners, flags)
        return table

    def implement(self, name: str, function: Callable[..., Any]) -> None:
        """Gives a member of a generated description its function."""
        self._function(name, function, self.description.member(name).tree["params"])

    def _function(self, name: str, function: Callable[..., Any], params: List[Tree]) -> None:
        self.functions[name] = fitted(function, params)
        if inspect.iscoroutinefunction(function):
            self.coroutines.add(name)

    def feed(self, name: str, feed: Feed, accept: Optional[Callable[..., Any]] = None, on_listeners: Optional[Callable[..., None]] = None) -> None:
        """Gives a topic, state or table of a generated description what is published on."""
        member = self.description.member(name)
        self._hear(name, feed, member.tree["params"], accept, on_listeners)
        self._connect(feed, member)

    def _feed(self, kind: str, name: str, item: Any, params: Optional[Mapping[str, Any]], feed: Feed, doc: str, errors: Sequence[Type[Error]],
              accept: Optional[Callable[..., Any]], on_listeners: Optional[Callable[..., None]], flags: Mapping[str, Any]) -> None:
        member: Tree = {"kind": kind, "name": name}
        self._doc(member, doc)
        member["params"] = [self._hints.field(f"{name}, param {k}", k, h) for k, h in (params or {}).items()]
        member["item"] = self._hints.tree(item, name)
        self._declare(member, errors, flags)
        self._hear(name, feed, member["params"], accept, on_listeners)
        self._connect(feed, Member(self._tree, member, Types(self._tree, self._hints.classes), {}))  # it may be set before all is declared

    def _hear(self, name: str, feed: Feed, params: List[Tree], accept: Optional[Callable[..., Any]], on_listeners: Optional[Callable[..., None]]) -> None:
        self.feeds[name] = feed
        if on_listeners:
            feed.on_listeners = fitted(on_listeners, params, "listening")
        if accept:
            self.accept[name] = fitted(accept, params)

    def _connect(self, feed: Feed, member: Member) -> None:
        feed.item = member.item
        feed.key = lambda params: key_of(dump_value(member.params, params))

    def _doc(self, member: Tree, doc: Optional[str]) -> None:
        if doc:
            member["doc"] = inspect.cleandoc(doc)

    def _declare(self, member: Tree, errors: Sequence[Type[Error]], flags: Mapping[str, Any]) -> None:
        if self._compiled is not None:
            raise RuntimeError(f"{member['name']} is declared after the service was described")
        check_name(member["name"])
        if any(m["name"] == member["name"] for m in self._tree["members"]):
            raise TypeError(f"two members are called {member['name']}")
        if errors:
            member["errors"] = [e.__name__ for e in errors]
        for e in errors:
            if not issubclass(e, Error):
                raise TypeError(f"{member['name']}: {e.__name__} is no subclass of sabir.Error")
            if self._errors.setdefault(e.__name__, e) is not e:
                raise TypeError(f"two errors are called {e.__name__}")
            if all(known["name"] != e.__name__ for known in self._tree["errors"]):
                self._tree["errors"].append({"name": e.__name__, "fields": self._hints.fields(e)})
        known = ("readonly", "idempotent", "destructive", "common", "access", "deprecated", "since", "unstable")
        for flag, value in flags.items():
            if flag not in known:
                raise TypeError(f"no flag {flag}; there are {', '.join(known)}")
            if value:
                member[flag] = value
        self._tree["members"].append(member)


def fitted(function: Callable[..., Any], params: List[Tree], also: str = "") -> Callable[..., Any]:
    """The function with the arguments that it has for params: `from_` for `from`, which is a word of Python, and None
    for what is optional and not there, unless it has a default of its own. `also` is one more that it is given."""
    there = inspect.signature(function).parameters
    open_ = any(p.kind is p.VAR_KEYWORD for p in there.values())
    names = {p["name"]: p["name"] + "_" for p in params if p["name"] + "_" in there}
    absent: Dict[str, Any] = {}
    given = {also}
    for p in params:
        name = names.get(p["name"], str(p["name"]))
        given.add(name)
        if name not in there and not open_:
            raise TypeError(f"{_called(function)}: expected a parameter {name}")
        if p.get("optional") and name in there and there[name].default is inspect.Parameter.empty:
            absent[name] = None
    for a in there.values():
        if a.default is a.empty and a.name not in given and a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL):
            raise TypeError(f"{_called(function)}: nothing is given for its parameter {a.name}")
    if not names and not absent:
        return function
    return lambda **values: function(**{**absent, **{names.get(k, k): v for k, v in values.items()}})


def _called(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", function))


def check_defaults(member: Member) -> None:
    for param in member.tree["params"]:
        faults: Faults = []
        if "default" in param:
            member.params.fields[param["name"]][0].load(param["default"], None, faults, True)
        if faults:
            raise TypeError(f"{member.name}: {param['name']} = {param['default']!r}: {faults[0][1]}")
