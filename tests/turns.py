"""
One turn of a reactor, on a Clock: its advance() runs what is scheduled meanwhile as well, a reactor does that later.
"""

from __future__ import annotations

from twisted.internet.task import Clock


def turn(clock: Clock) -> None:
    """
    Run the calls that are due, without those that they schedule.
    """
    for call in [call for call in clock.calls if call.getTime() <= clock.seconds()]:
        if call.active():
            clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
