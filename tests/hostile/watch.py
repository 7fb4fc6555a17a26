"""
What ran: seen by the interpreter itself, not by what is being tested.
"""

import inspect
from cProfile import Profile

from tests.hostile import application
from tests.hostile.application import ALLOWED, OPEN, codes_of
from txsocketio import BaseNamespace, BroadcastMixin, RoomsMixin
from txsocketio.core.dispatch import DecoratedCall, call_method, invoke, run_flat
from txsocketio.core.handlers import Handler


def _codes_in(code):
    yield code
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _codes_in(constant)


def _own_codes():
    classes = [*BaseNamespace.__mro__[:-1], RoomsMixin, BroadcastMixin]
    return codes_of(value for cls in classes for name, value in vars(cls).items() if not name.startswith("_"))


#: From where a handler is called.
DISPATCHERS = codes_of([run_flat, invoke, DecoratedCall._watch, call_method]) | {
    code for code in _codes_in(Handler.__init__.__code__) if code.co_name == "<lambda>"
}


class Watch:
    """
    Note which functions of the application run, and which of our own are called as if they were handlers.

    :ivar entered: code objects of the application.
    :ivar breaches: code objects of ours.
    """

    def __init__(self):
        self.entered = set()
        self.breaches = set()
        # It hooks in where sys.setprofile does, and keeps up with hundreds of thousands of calls.
        self._profile = Profile(subcalls=True, builtins=False)

    def __enter__(self):
        self._profile.enable()
        return self

    def __exit__(self, *exception):
        self._profile.disable()
        own = _own_codes()
        for entry in self._profile.getstats():
            if entry.code.co_filename == application.__file__:
                self.entered.add(entry.code)
            if entry.code in DISPATCHERS:
                self.breaches.update(own.intersection(call.code for call in entry.calls or ()))

    def strangers(self, is_open=False):
        """
        Give the names of what ran and should not have.
        """
        allowed = codes_of(OPEN if is_open else ALLOWED)
        return sorted(code.co_qualname for code in (self.entered - allowed) | self.breaches)
