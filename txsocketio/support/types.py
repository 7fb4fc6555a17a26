"""
Names for the types that many modules speak of, so that each of them says the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IReactorCore,
        IReactorFromThreads,
        IReactorInThreads,
        IReactorTCP,
        IReactorTime,
    )

    class Reactor(IReactorCore, IReactorTime, IReactorTCP, IReactorInThreads, IReactorFromThreads):
        """
        What every reactor of Twisted's can do.
        """


#: What JSON has forms for, and what applications send besides: bytes anywhere inside. Nobody of us looks into it, and
#: applications do what they like with it, so it is not spelled out.
Value: TypeAlias = Any
#: The arguments of an event or an acknowledgement.
Arguments: TypeAlias = list[Any]
#: A function of an application's, of any arguments.
Function: TypeAlias = Callable[..., Any]
