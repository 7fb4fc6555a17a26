"""
An application under attack: everything in this file that runs can be told by its code object.
"""

import functools

from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from txsocketio import BaseNamespace, BroadcastMixin, ConnectionRefused, RoomsMixin, event


class IVisitor(Interface):
    def on_echo(*values):
        """
        Say it again.
        """

    def on_two(first, second):
        """
        Take two things.
        """

    def on_wait(*values):
        """
        Never answer.
        """


class Helper:
    """
    A mix-in that knows nothing of namespaces, with a handler.
    """

    def on_inherited(self, *values):
        return "reached"

    def helper(self, *values):
        return "reached"


def never(self, *values):
    return "reached"


@implementer(IVisitor)
class Guarded(Helper, RoomsMixin, BroadcastMixin, BaseNamespace):
    """
    Allow what IVisitor lists, and one method by its name.
    """

    on_partial = functools.partialmethod(never, 1)
    on_alias = never

    def get_initial_acl(self):
        return [IVisitor, "exact"]

    def initialize(self):
        self.on_mine = functools.partial(never, self)
        self.secret = "a secret"

    def recv_connect(self):
        self.join("everybody")
        self.call("question", 7, timeout=None).addErrback(_nobody_answers)
        self.spawn(Deferred)

    def recv_disconnect(self, reason):
        self.broadcast_event_not_me("somebody has left")

    # What a client may call.

    def on_echo(self, *values):
        return values

    def on_two(self, first, second):
        return [first, second]

    def on_wait(self, *values):
        return Deferred()

    @event("an exact: name")
    def exact(self, packet):
        return packet

    # What it may not.

    def recv_message(self, data):
        return "reached"

    def recv_json(self, data):
        return "reached"

    def recv_error(self, packet):
        return "reached"

    def on_any(self, name, *values):
        return "reached"

    def on_kick(self, who=None):
        return "reached"

    @event("another: name")
    def other(self, *values):
        return "reached"

    @staticmethod
    def on_static(*values):
        return "reached"

    @classmethod
    def on_class(cls, *values):
        return "reached"

    @property
    def on_property(self):
        return lambda *values: "reached"

    async def on_coroutine(self, *values):
        return "reached"

    def on_(self, *values):
        return "reached"

    def on___init__(self, *values):
        return "reached"

    def _private(self, *values):
        return "reached"

    def __call__(self, *values):
        return "reached"

    def helper_of_mine(self, *values):
        return "reached"


class Chained(Guarded):
    """
    The same along gevent-socketio's hooks.
    """

    def process_packet(self, packet):
        return super().process_packet(packet)

    def process_event(self, packet):
        return super().process_event(packet)

    def call_method_with_acl(self, method_name, packet, *args):
        return super().call_method_with_acl(method_name, packet, *args)

    def call_method(self, method_name, packet, *args):
        return super().call_method(method_name, packet, *args)

    def exception_handler_decorator(self, fn):
        return functools.wraps(fn)(functools.partial(fn))


class Open(Guarded):
    """
    Allow every handler: what is no handler is still out of reach.
    """

    def get_initial_acl(self):
        return None


class Closed(Guarded):
    """
    Let nobody in.
    """

    def recv_connect(self):
        self.join("everybody")
        raise ConnectionRefused("members only")


def _nobody_answers(failure):
    return None


RESTRICTED = {"/": Guarded, "/chat": Chained, "/admin": Closed}
EVERYTHING = {**RESTRICTED, "/open": Open}

#: What runs whoever comes.
_HOOKS = {
    *(vars(Guarded)[name] for name in ("get_initial_acl", "initialize", "recv_connect", "recv_disconnect")),
    Open.get_initial_acl,
    *(value for value in vars(Chained).values() if callable(value)),
    Closed.recv_connect,
    _nobody_answers,
}

#: The handlers that a client may reach where the access list is restricted.
GRANTED = {Guarded.on_echo, Guarded.on_two, Guarded.on_wait, Guarded.exact}

ALLOWED = {*GRANTED, *_HOOKS}

#: And where it is open.
OPEN = {
    *ALLOWED,
    *(value for name, value in vars(Guarded).items() if name.startswith(("on_", "recv_"))),
    Guarded.other,
    Helper.on_inherited,
    never,
}


def codes_of(functions):
    """
    Give the code objects of functions as they stand in a class.
    """
    plain = (getattr(function, "__func__", function) for function in functions)
    return {getattr(function, "__wrapped__", function).__code__ for function in plain if hasattr(function, "__code__")}
