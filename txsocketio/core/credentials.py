"""
Who a client is: logging in through twisted.cred, from inside a namespace.

The portal's realm gives an avatar and says how to log it out. A login may be shared by several namespaces of one
socket; it is logged out once, when the last of them closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from txsocketio.core.acl import access_interfaces, is_granted
from txsocketio.core.jobs import log_failure
from txsocketio.errors import ConnectionRefused, UsageError
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from zope.interface.interface import InterfaceClass

    from txsocketio.core.jobs import FailureLog
    from txsocketio.core.member import Member


class Login:
    """
    Hold one avatar and those who share it.
    """

    __slots__ = ("_complaints", "avatar", "holders", "interface", "logout")

    def __init__(self, complaints: FailureLog, interface: Value, avatar: Value, logout: Callable[[], Value]) -> None:
        """
        :param complaints: the server's, by which a logout that fails is logged.
        :param interface: that the realm has answered with.
        :param avatar: as the realm gave it.
        :param logout: called when nobody shares it any longer.
        """
        self._complaints = complaints
        self.interface = interface
        self.avatar = avatar
        self.logout = logout
        self.holders = 0

    def release(self) -> None:
        """
        Count one holder less; the last one logs out.
        """
        self.holders -= 1
        if self.holders <= 0:
            maybeDeferred(self.logout).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        log_failure(self._complaints, "logging out failed", failure)


def log_in(member: Member, credentials: Value, interfaces: tuple[InterfaceClass, ...]) -> Deferred[Value]:
    """
    Log a client in through the server's portal; see BaseNamespace.login.
    """
    portal = member.socket.server.portal
    if portal is None:
        raise UsageError("login() asks the server's portal: give one, SocketIOServer(..., portal=Portal(realm, ...))")
    if not interfaces:
        raise UsageError("login() needs at least one Interface that the avatar shall provide")
    # Not the portal's own Deferred: cancelled half way, a realm could lose the avatar that it must log out.
    answer: Deferred[Value] = Deferred()
    asked: Deferred[Value] = maybeDeferred(portal.login, credentials, member.namespace, *interfaces)
    asked.addCallback(_logged_in, member, answer).addErrback(_login_failed, member, answer)
    return answer


def share(member: Member, other: Member) -> None:
    """
    Hand the avatar to another namespace of the same socket; see BaseNamespace.share_avatar.
    """
    login = member.login
    if login is None:
        raise UsageError("there is no avatar to share: log in first, and share before this namespace closes")
    if other.socket is not member.socket:
        raise UsageError("an avatar can only be shared between the namespaces of one socket, which are one client")
    if other is not member and not other.logged_out:
        _adopt(other, login)


def log_out(member: Member) -> None:
    """
    Give the avatar up: the namespace closes. A second call does nothing.

    :param member: the client in the namespace.
    """
    member.logged_out = True
    login, member.login = member.login, None
    if login is not None:
        login.release()


def _logged_in(result: tuple[Value, Value, Callable[[], Value]], member: Member, answer: Deferred[Value]) -> None:
    login = Login(member.socket.server.complaints, *result)
    if member.logged_out or answer.called:
        login.release()
        raise ConnectionRefused()
    _adopt(member, login)
    answer.callback(login.avatar)


def _login_failed(failure: Failure, member: Member, answer: Deferred[Value]) -> None:
    error = failure.value
    if not isinstance(error, LoginFailed | ConnectionRefused) or isinstance(error, UnhandledCredentials):
        log_failure(member.socket.server.complaints, "a login could not be decided", failure)
    if not answer.called:
        answer.errback(ConnectionRefused())


def _adopt(member: Member, login: Login) -> None:
    login.holders += 1
    previous, member.login = member.login, login
    member.namespace.avatar = login.avatar
    _change_grants(member, login)
    if previous is not None:
        previous.release()


def _change_grants(member: Member, login: Login) -> None:
    namespace = member.namespace
    if member.allowed is None:
        return
    namespace.revoke(*member.login_grants)
    member.login_grants = tuple(
        interface
        for interface in access_interfaces(type(namespace))
        if (interface.providedBy(login.avatar) or interface is login.interface) and not is_granted(member, interface)
    )
    namespace.grant(*member.login_grants)
