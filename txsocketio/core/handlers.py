"""
Which method of a namespace class takes which event: read once for each class.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Final, TypeVar

from txsocketio.errors import ReservedEvent, UsageError
from txsocketio.protocol.packet import RESERVED_EVENTS
from txsocketio.support.types import Function, Value

_Class = TypeVar("_Class")
_Function = TypeVar("_Function", bound=Function)


class _NoAck:
    """
    What a call gives that shall not be acknowledged.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """
        Show the name under which it is public.
        """
        return "NO_ACK"


#: Returned by a handler, or by an overridden ``process_*`` or ``call_method*``: the event is not acknowledged.
NO_ACK: Final = _NoAck()

#: Hooks of gevent-socketio's dispatch: a class that overrides none of them is dispatched to without dicts.
HOOKS: Final = (
    "process_packet",
    "process_event",
    "call_method_with_acl",
    "call_method",
    "is_method_allowed",
    "exception_handler_decorator",
)

#: Attributes of every instance that gevent-socketio did not have. A method of such a name could not be reached.
_INSTANCE_NAMES: Final = frozenset({"auth", "close_reason", "server", "sid"})

#: The names that BaseNamespace keeps for itself: one on each instance, one on each class.
_PRIVATE_NAMES: Final = frozenset({"_member", "_table"})

#: Names of ours that gevent-socketio did not have: an application may give them another meaning, and bind events to
#: methods of these names.
FREE_NAMES: Final = ("to", "except_", "broadcast", "volatile", "timeout", "data")

#: The classes that namespaces inherit from us. Nothing of them is reached by a name that a client chooses.
_OURS: set[type] = {object}


def ours(cls: type[_Class]) -> type[_Class]:
    """
    Mark a class as one that namespaces inherit from this library.

    :param cls: BaseNamespace, or a mix-in for it.
    :return: the class itself, so that this serves as a decorator.
    """
    _OURS.add(cls)
    return cls


def is_ours(cls: type) -> bool:
    """
    Tell whether a class of a namespace's MRO is this library's, not the application's.

    :param cls: any class.
    """
    return cls in _OURS


def event(*names: str) -> Callable[[_Function], _Function]:
    """
    Bind a method to events by their exact names, for names that are no identifiers: ``@event("user:say hello")``.

    The binding goes by the method's name: a subclass that overrides the method takes the event too. It comes before
    a method called ``on_<event>``.

    :param names: of events.
    :return: a decorator that returns the method itself.
    :raises UsageError: for no name, or one that is not a str.
    :raises ReservedEvent: for a name that the protocol keeps for itself.
    """
    for name in names:
        if not isinstance(name, str):
            raise UsageError(f'@event takes names, as in @event("user:say"), not {name!r}')
        if name in RESERVED_EVENTS:
            raise ReservedEvent(f"no client can send the event {name!r}; the protocol keeps that name for itself")
    if not names:
        raise UsageError('@event takes at least one name, as in @event("user:say")')

    def bind(method: _Function) -> _Function:
        target: Value = _function_of(method)
        target._event_names = (*getattr(target, "_event_names", ()), *names)
        return method

    return bind


class Handler:
    """
    Hold what must be known of a method to call it for a client.

    :ivar name: its Python name, which access lists go by.
    :ivar function: called with the namespace instance and the arguments.
    :ivar least: how many arguments it needs, the instance not counted.
    :ivar most: how many it takes, math.inf for ``*args``.
    :ivar takes_packet: whether its only argument is called ``packet``: it gets the packet as a dict.
    :ivar catch_all: whether it is ``on_any``, whose first argument is the name of the event.
    :ivar takes_more: whether it is called with something else than the event's arguments, for one of these two reasons.
    :ivar inherited: whether it is BaseNamespace's own ``recv_*``, which ignores what it gets.
    """

    __slots__ = ("catch_all", "function", "inherited", "least", "most", "name", "takes_more", "takes_packet")

    def __init__(self, name: str, raw: Value, owner: Value) -> None:
        """
        :param name: the Python name.
        :param raw: the attribute as it stands in the class, before it is bound.
        :param owner: the class, or the instance for an attribute of one instance.
        """
        self.name = name
        self.catch_all = name == "on_any"
        self.inherited = False
        if isinstance(raw, FunctionType):
            self.function: Function = raw
            parameters = _parameters(raw)
            fits = bool(parameters) and parameters[0].kind is not inspect.Parameter.KEYWORD_ONLY
            if parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
                del parameters[0]
        else:
            # Static and class methods, partials and what was put on one instance: bound by Python when called.
            self.function = lambda instance, *args: getattr(instance, name)(*args)
            parameters = _parameters(getattr(owner, name))
            fits = True
        self.takes_packet = [parameter.name for parameter in parameters] == ["packet"]
        self.takes_more = self.takes_packet or self.catch_all
        self.least, self.most = _limits(parameters) if fits else (math.inf, math.inf)


class HandlerTable:
    """
    Hold the handlers of one namespace class, as they were when it was made.

    A handler that is added to the class or to an instance afterwards is found; one that replaces another is not.

    :ivar events: by the name of the event.
    :ivar methods: by Python name: those of events, and ``recv_*``.
    :ivar catch_all: ``on_any``, or None.
    :ivar initializers: every ``initialize`` along the MRO, each from the class that defines it.
    :ivar flat: whether none of HOOKS is overridden.
    :ivar decorated: whether ``exception_handler_decorator`` is.
    """

    __slots__ = ("_cls", "catch_all", "decorated", "events", "flat", "initializers", "methods")

    def __init__(self, cls: type) -> None:
        """
        :param cls: made from BaseNamespace.
        :raises UsageError: for an ``@event`` on a method that no event may reach, or two for one event in one class.
        """
        self._cls = cls
        self.initializers = tuple(
            vars(base)["initialize"] for base in cls.__mro__ if "initialize" in vars(base) and base not in _OURS
        )
        overridden = [name for name in HOOKS if definer(cls, name) not in _OURS]
        self.flat = not overridden
        self.decorated = "exception_handler_decorator" in overridden
        names = {name for base in cls.__mro__ for name in vars(base)}
        self.methods = {name: self._make(name) for name in sorted(names) if self._is_handler(name)}
        self.events = {name[3:]: handler for name, handler in self.methods.items() if name.startswith("on_")}
        self.catch_all = self.events.pop("any", None)
        for bound, name in _bindings(cls).items():
            if callable(getattr(cls, name)):
                self.events[bound] = self.methods[name] = self._make(name)

    def _is_handler(self, name: str) -> bool:
        # The name first: zope.interface puts attributes on classes that raise when they are read through a subclass.
        wanted = name.startswith("recv_") or (name.startswith("on_") and name[3:] not in RESERVED_EVENTS)
        return wanted and callable(getattr(self._cls, name))

    def _make(self, name: str) -> Handler:
        handler = Handler(name, inspect.getattr_static(self._cls, name), self._cls)
        handler.inherited = definer(self._cls, name) in _OURS
        return handler

    def find(self, instance: Value, data: list[Value]) -> Handler | None:
        """
        Find the handler of an event whose name ``events`` lacks.

        :param instance: the namespace, which may have got a method after its class was made.
        :param data: the name, a str, and the arguments.
        :return: the handler, or None.
        """
        name: str = data[0]
        if name == "message":
            text = len(data) > 1 and isinstance(data[1], str | bytes)
            return self.methods.get("recv_message" if text else "recv_json")
        name = name.replace(" ", "_")
        known = self.events.get(name)
        if known is not None and known.name == f"on_{name}":
            return known
        return self.method(instance, f"on_{name}") or self.catch_all

    def method(self, instance: Value, name: str) -> Handler | None:
        """
        Find a method by its Python name.

        :param instance: the namespace.
        :param name: of a handler; what BaseNamespace and our mix-ins define is not found, except ``recv_*``.
        :return: its handler, made anew for what is not in the table, so that hostile names fill no memory.
        """
        known = self.methods.get(name)
        if known is not None:
            return known
        if name.startswith("__"):
            return None
        own = vars(instance)
        if name in own:
            return Handler(name, None, instance) if callable(own[name]) else None
        # Asked of the class: reading a property of the instance would run what no access list has allowed.
        for base in type(instance).__mro__:
            if name in base.__dict__:
                if base in _OURS or not callable(getattr(type(instance), name, None)):
                    return None
                return Handler(name, base.__dict__[name], instance)
        return None


def _bindings(cls: type) -> dict[str, str]:
    """
    Collect the exact names given by ``@event``: events to Python names.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        here: dict[str, str] = {}
        for name, raw in vars(base).items():
            for bound in getattr(_function_of(raw), "_event_names", ()):
                if here.setdefault(bound, name) != name:
                    raise UsageError(f"{base.__qualname__} binds the event {bound!r} to {here[bound]} and to {name}")
                if name.startswith("recv_") or (name not in FREE_NAMES and _is_defined_here(cls, name)):
                    raise UsageError(
                        f"{base.__qualname__}.{name} has a meaning of its own and cannot take the event {bound!r};"
                        " give the method another name"
                    )
        found.update(here)
    return found


def refuse_taken_names(cls: type) -> None:
    """
    Refuse what would silently break a namespace: a name of the application's that is also one of ours.

    :param cls: made from BaseNamespace.
    :raises UsageError: when it, or a mix-in of the application, defines a private name of BaseNamespace, or one that
        every instance has as an attribute.
    """
    for base in cls.__mro__:
        # A base with a table is a namespace class, which has been asked when it was made.
        passed = base in _OURS or (base is not cls and isinstance(vars(base).get("_table"), HandlerTable))
        for name in () if passed else vars(base):
            if name in _INSTANCE_NAMES or name in _PRIVATE_NAMES:
                raise UsageError(
                    f"{base.__qualname__}.{name} cannot be: BaseNamespace keeps that name for itself; choose another"
                )


def _is_defined_here(cls: type, name: str) -> bool:
    return any(name in vars(base) for base in cls.__mro__ if base in _OURS)


def definer(cls: type, name: str) -> type:
    """
    Find the class that an attribute comes from.

    :param cls: the class whose attribute it is.
    :param name: of the attribute.
    :return: the first class of the MRO that defines it; object where none does.
    """
    for base in cls.__mro__:
        if name in vars(base):
            return base
    return object


def _function_of(raw: Value) -> Value:
    return raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw


def _parameters(function: Value) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return [inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL)]


def _limits(parameters: list[inspect.Parameter]) -> tuple[float, float]:
    positional = list(_positional(parameters))
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            return math.inf, math.inf
    endless = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    least = sum(parameter.default is parameter.empty for parameter in positional)
    return least, math.inf if endless else len(positional)


def _positional(parameters: list[inspect.Parameter]) -> Iterator[inspect.Parameter]:
    for parameter in parameters:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            yield parameter
