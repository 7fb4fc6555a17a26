"""
Names for the types that many modules speak of, so that each of them says the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

if TYPE_CHECKING:
    from twisted.cred.credentials import ICredentials
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import (
        IProtocolFactory,
        IReactorCore,
        IReactorFDSet,
        IReactorFromThreads,
        IReactorInThreads,
        IReactorProcess,
        IReactorTCP,
        IReactorTime,
        IReactorUNIX,
    )
    from twisted.internet.tcp import Server
    from zope.interface import Interface

    from txsocketio.transports.http.snapshot import HandshakeRequest
    from txsocketio.virtsocket import Socket

    class Reactor(IReactorCore, IReactorTime, IReactorTCP, IReactorInThreads, IReactorFromThreads):
        """
        What every reactor of Twisted's can do.
        """

    class WorkersReactor(Reactor, IReactorFDSet, IReactorProcess, IReactorUNIX):
        """
        What workers and their parent need of a reactor besides, which those of Linux can do.
        """

        def adoptStreamConnection(descriptor: int, family: int, factory: IProtocolFactory) -> Server:
            """
            Serve a connected socket; unlike IReactorSocket says it gives the transport.
            """


#: What JSON has forms for, and what applications send besides: bytes anywhere inside. Nobody of us looks into it, and
#: applications do what they like with it, so it is not spelled out.
Value: TypeAlias = Any
#: The arguments of an event or an acknowledgement.
Arguments: TypeAlias = list[Any]
#: A function of an application's, of any arguments.
Function: TypeAlias = Callable[..., Any]

#: What the option ``cors_allowed_origins`` takes besides texts: given the Origin and the request, it says yes or no.
OriginCheck: TypeAlias = "Callable[[str, HandshakeRequest], bool]"
#: What ``allow_request`` answers: True lets the client in, False or a text refuses it.
RequestAnswer: TypeAlias = "bool | str"
#: What the option ``allow_request`` takes; the answer may come later.
RequestCheck: TypeAlias = "Callable[[HandshakeRequest], RequestAnswer | Awaitable[RequestAnswer]]"
#: What the option ``error_handler`` takes: called with the socket, the error's name and text, the namespace, the id of
#: the packet or None, and whether the client is not to be told.
ErrorHandler: TypeAlias = "Callable[[Socket, str, str, str, int | None, bool], object]"


class JSONFunctions(Protocol):
    """
    Turn values into JSON and back: what the option ``json`` takes. IJSON says what the two functions must do.
    """

    def dumps(self, value: Value, default: Callable[[Value], Value], /) -> bytes:
        """
        Encode a value as compact UTF-8 JSON.
        """
        ...

    def loads(self, text: str, /) -> Value:
        """
        Decode a text.
        """
        ...


class LoginPortal(Protocol):
    """
    Log clients in: what the option ``portal`` takes, as twisted.cred.portal.Portal does.
    """

    # Twisted says type[Interface] of what its callers have as InterfaceClass.
    def login(
        self, credentials: ICredentials, mind: object, *interfaces: Value
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        """
        Verify credentials.

        :return: a Deferred of an interface, an avatar that provides it, and what logs it out.
        """
        ...


class CookieFields(TypedDict, total=False):
    """
    What the option ``cookie`` may say of the cookie with the session's id.
    """

    name: str
    path: str
    httponly: bool
    samesite: str | None
    secure: bool
    max_age: int | None
    domain: str | None
