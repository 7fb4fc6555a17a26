"""
Who a client is: logging in through twisted.cred, from inside a namespace.

The portal's realm gives an avatar and says how to log it out. A login may be shared by several namespaces of one
socket; it is logged out once, when the last of them closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.cred.error import LoginFailed, UnhandledCredentials
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from txsocketio.core.acl import AccessMixin, access_interfaces
from txsocketio.core.jobs import log_failure
from txsocketio.errors import ConnectionRefused, UsageError

if TYPE_CHECKING:
    from zope.interface.interface import InterfaceClass


class _Login:
    """
    Hold one avatar and those who share it.
    """

    __slots__ = ("_complaints", "avatar", "holders", "interface", "logout")

    def __init__(self, complaints: Any, interface: Any, avatar: Any, logout: Callable[[], Any]) -> None:
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


class CredentialsMixin:
    """
    Let a namespace log its client in and keep the avatar.

    :ivar avatar: what the realm gave at the last successful login, or None; it stays readable after the namespace
        has closed.
    """

    avatar: Any = None

    server: Any
    socket: Any
    _login: _Login | None = None
    #: The interfaces that the login granted, to be taken back by the next one.
    _login_grants: tuple[InterfaceClass, ...] = ()
    _logged_out = False

    def login(self, credentials: Any, *interfaces: InterfaceClass) -> Deferred[Any]:
        """
        Log the client in through the server's portal.

        The avatar becomes ``self.avatar``, and those of the class's access Interfaces that the avatar provides (and
        the one the realm answered with) are granted. When the namespace closes, the realm's logout is called, once;
        a login that is finished after that is logged out at once. A second login replaces the first when it
        succeeds, and leaves it when it fails.

        :param credentials: what one of the portal's checkers takes, as ``UsernamePassword("ann", "secret")``.
        :param interfaces: what kinds of avatar will do, first choice first. The realm gets this namespace as the mind.
        :return: a Deferred that fires with the avatar. It fails with ConnectionRefused, in the same words whatever
            was wrong, so that raised out of ``recv_connect`` it refuses the client without telling whether there is
            such a user. What is no wrong password but a fault (a checker that breaks, or that is missing) is logged.
            Cancelling it gives up waiting; a login that succeeds nevertheless is logged out at once.
        :raises UsageError: when the server has no portal, or no interface is given.
        """
        portal = self.server.portal
        if portal is None:
            raise UsageError(
                "login() asks the server's portal: give one, SocketIOServer(..., portal=Portal(realm, ...))"
            )
        if not interfaces:
            raise UsageError("login() needs at least one Interface that the avatar shall provide")
        # Not the portal's own Deferred: cancelled half way, a realm could lose the avatar that it must log out.
        answer: Deferred[Any] = Deferred()
        asked: Deferred[Any] = maybeDeferred(portal.login, credentials, self, *interfaces)
        asked.addCallback(self._logged_in, answer).addErrback(self._login_failed, answer)
        return answer

    def share_avatar(self, namespace: CredentialsMixin) -> None:
        """
        Hand the avatar to another namespace of the same socket: ``self.share_avatar(self.socket["/admin"])``.

        It becomes that namespace's ``avatar`` (instead of one it may have had), the access Interfaces of that
        namespace's class that it provides are granted there, and the realm's logout waits until both have closed.
        A namespace that is closed already is left alone.

        :param namespace: the instance to give it to.
        :raises UsageError: when there is no avatar, or the namespace belongs to another socket.
        """
        if self._login is None:
            raise UsageError("there is no avatar to share: log in first, and share before this namespace closes")
        if namespace.socket is not self.socket:
            raise UsageError("an avatar can only be shared between the namespaces of one socket, which are one client")
        if namespace is not self and not namespace._logged_out:
            namespace._adopt(self._login)

    def _logged_in(self, result: tuple[Any, Any, Callable[[], Any]], answer: Deferred[Any]) -> None:
        login = _Login(self.server.complaints, *result)
        if self._logged_out or answer.called:
            login.release()
            raise ConnectionRefused()
        self._adopt(login)
        answer.callback(login.avatar)

    def _login_failed(self, failure: Failure, answer: Deferred[Any]) -> None:
        if not isinstance(failure.value, LoginFailed | ConnectionRefused) or isinstance(
            failure.value, UnhandledCredentials
        ):
            log_failure(self.server.complaints, "a login could not be decided", failure)
        if not answer.called:
            answer.errback(ConnectionRefused())

    def _adopt(self, login: _Login) -> None:
        login.holders += 1
        previous, self._login = self._login, login
        self.avatar = login.avatar
        self._change_grants(login)
        if previous is not None:
            previous.release()

    def _change_grants(self, login: _Login) -> None:
        if not isinstance(self, AccessMixin) or self._allowed is None:
            return
        self.revoke(*self._login_grants)
        self._login_grants = tuple(
            interface
            for interface in access_interfaces(type(self))
            if (interface.providedBy(login.avatar) or interface is login.interface) and not self._granted(interface)
        )
        self.grant(*self._login_grants)

    def _logout(self) -> None:
        """
        Give the avatar up: the namespace closes. A second call does nothing.
        """
        self._logged_out = True
        login, self._login = self._login, None
        if login is not None:
            login.release()
