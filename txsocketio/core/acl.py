"""
Who may call what: access lists made of method names and of zope Interfaces.

An application says what a kind of user may do as an Interface, declares its namespace as an implementer, and grants
the Interface; names work as they did in gevent-socketio. Either is turned into method names when it is granted, so
that asking for one event is a look into a set: ``namespace._allowed is None or name in namespace._allowed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Any, Final

from zope.interface import Invalid, implementedBy
from zope.interface.interface import InterfaceClass, Method
from zope.interface.verify import verifyClass

from txsocketio.errors import UsageError

#: What a method was granted by when it was named itself, not through an Interface.
_BY_NAME = object()

#: What an open namespace holds, which has not asked for its own.
_NO_GRANTS: Final[Any] = MappingProxyType({})

_HANDLER_PREFIXES = ("on_", "recv_")


class AccessMixin:
    """
    Hold the access list of one namespace instance.

    :ivar allowed_methods: the Python names of the methods that events may reach, as a frozenset; None for all of
        them, empty for none. Assigning a collection of names and Interfaces (or None) replaces everything that was
        granted before.
    """

    #: Read by the dispatcher for every event: None, or the names.
    _allowed: frozenset[str] | None = None
    #: What each allowed method was granted by: Interfaces, or _BY_NAME.
    _grants: dict[str, set[Any]] = _NO_GRANTS

    def get_initial_acl(self) -> Any:
        """
        Say what a client may call before anything else is granted; override it.

        It runs while the namespace is being made, before ``initialize``; ``self.request`` and ``self.session`` are
        there already.

        :return: a collection of method names (``"on_say"``), Interfaces, or both; empty allows nothing; None, which
            is the default, allows everything.
        """
        return None

    def reset_acl(self) -> None:
        """
        Go back to what ``get_initial_acl`` returns.

        :raises UsageError: when it names what this class lacks.
        """
        self.allowed_methods = self.get_initial_acl()

    def lift_acl_restrictions(self) -> None:
        """
        Allow every handler.
        """
        self.allowed_methods = None

    @property
    def allowed_methods(self) -> Any:
        """
        The names of the allowed methods as a frozenset, or None when all are.
        """
        return self._allowed

    @allowed_methods.setter
    def allowed_methods(self, granted: Any) -> None:
        if granted is None:
            self._grants = {}
            self._allowed = None
            return
        grants: dict[str, set[Any]] = {}
        for grant in _each(granted):
            _add(grants, grant, self._names_of(grant))
        self._set_grants(grants)

    def add_acl_method(self, grant: Any) -> None:
        """
        Allow a method, or all methods of an Interface.

        :param grant: the Python name of a method, or an Interface that the class implements.
        :raises UsageError: when the class lacks it, and on a namespace that is open: there adding one method would
            close all others, so say first which those are, with ``get_initial_acl`` or ``allowed_methods``.
        """
        self._require_restricted("grant")
        _add(self._grants, grant, self._names_of(grant))
        self._set_grants(self._grants)

    def del_acl_method(self, grant: Any) -> None:
        """
        Deny a method whoever allowed it, or take back an Interface.

        A method of the Interface that was also granted by name, or by another Interface, stays allowed. What was not
        granted is taken back without complaint.

        :param grant: the Python name of a method, or an Interface that the class implements.
        :raises UsageError: when the class lacks it, and on a namespace that is open.
        """
        self._require_restricted("revoke")
        names = self._names_of(grant)
        if isinstance(grant, str):
            self._grants.pop(grant, None)
        else:
            for name in names:
                sources = self._grants.get(name, set())
                sources.discard(grant)
                if not sources:
                    self._grants.pop(name, None)
        self._set_grants(self._grants)

    def grant(self, *grants: Any) -> None:
        """
        Allow what Interfaces list, or methods by name: ``self.grant(IMember)``.

        :param grants: Interfaces that the class implements, or Python names of methods.
        :raises UsageError: see ``add_acl_method``.
        """
        for grant in grants:
            self.add_acl_method(grant)

    def revoke(self, *grants: Any) -> None:
        """
        Take back what was granted: ``self.revoke(IMember)``.

        :param grants: Interfaces that the class implements, or Python names of methods.
        :raises UsageError: see ``del_acl_method``.
        """
        for grant in grants:
            self.del_acl_method(grant)

    def is_method_allowed(self, grant: Any) -> bool:
        """
        Tell whether the access list allows a method, or all methods of an Interface.

        ``initialize``, ``recv_connect`` and ``recv_disconnect`` are not the client's to call and never ask it.

        :param grant: the Python name of a method, or an Interface.
        :return: True when a client may call it; always True on an open namespace.
        """
        if self._allowed is None:
            return True
        if isinstance(grant, InterfaceClass):
            return self._allowed.issuperset(_methods(grant))
        return grant in self._allowed

    def _granted(self, interface: InterfaceClass) -> bool:
        return any(interface in sources for sources in self._grants.values())

    def _set_grants(self, grants: dict[str, set[Any]]) -> None:
        self._grants = grants
        self._allowed = frozenset(grants)

    def _require_restricted(self, verb: str) -> None:
        if self._allowed is None:
            raise UsageError(
                f"nothing to {verb}: {_name(type(self))} is open, all its handlers are allowed; restrict it first, by"
                " a get_initial_acl that returns a list (empty allows nothing) or by assigning allowed_methods"
            )

    def _names_of(self, grant: Any) -> list[str]:
        """
        Give the method names that a grant stands for.

        :raises UsageError: when this class lacks it.
        """
        if isinstance(grant, InterfaceClass):
            if not grant.implementedBy(type(self)):
                raise UsageError(
                    f"{_name(type(self))} does not declare {_name(grant)}: decorate it with"
                    f" @implementer({grant.__name__})"
                )
            return list(_methods(grant))
        if not isinstance(grant, str):
            raise UsageError(f"an access list holds names of methods and zope Interfaces, not {grant!r}")
        if not callable(getattr(type(self), grant, None)) and not callable(vars(self).get(grant)):
            raise UsageError(f"{_name(type(self))} has no method {grant!r} that could be allowed or denied")
        return [grant]


def access_interfaces(cls: type) -> list[InterfaceClass]:
    """
    Find the Interfaces that list what clients may call.

    :param cls: a namespace class.
    :return: those of the Interfaces it declares, and of their bases, that have a method which is a handler, by its
        name (``on_*``, ``recv_*``) or by a decorator. Interfaces for anything else do not count.
    """
    declared: Any = implementedBy(cls)  # type: ignore[no-untyped-call]
    return [
        interface
        for interface in declared.flattened()
        if interface.__module__ != "txsocketio.interfaces"
        and any(_is_handler(cls, name) for name in _methods(interface))
    ]


def verify_access(cls: type) -> None:
    """
    Check that a namespace class keeps what its access Interfaces promise.

    :param cls: a namespace class.
    :raises UsageError: when a method is missing or takes other arguments than the Interface says; when the class
        does not define ``get_initial_acl``, and would let everybody do everything.
    """
    interfaces = access_interfaces(cls)
    for interface in interfaces:
        try:
            verifyClass(interface, cls)
        except Invalid as error:
            text = " ".join(str(error).split())
            raise UsageError(f"{_name(cls)} does not keep what {_name(interface)} lists: {text}") from None
    if interfaces and getattr(cls, "get_initial_acl", None) is AccessMixin.get_initial_acl:
        raise UsageError(
            f"{_name(cls)} declares {', '.join(map(_name, interfaces))} but does not define get_initial_acl, so that"
            " everybody could call everything; return there what a client may call at first, [] for nothing"
        )


def _each(granted: Any) -> Iterable[Any]:
    if isinstance(granted, str | InterfaceClass):
        return (granted,)
    if not isinstance(granted, Iterable):
        raise UsageError(f"an access list is None or a collection of method names and Interfaces, not {granted!r}")
    return granted


def _add(grants: dict[str, set[Any]], grant: Any, names: Iterable[str]) -> None:
    source = grant if isinstance(grant, InterfaceClass) else _BY_NAME
    for name in names:
        grants.setdefault(name, set()).add(source)


def _methods(interface: InterfaceClass) -> Iterator[str]:
    for name, description in interface.namesAndDescriptions(all=True):
        if isinstance(description, Method):
            yield name


def _is_handler(cls: type, name: str) -> bool:
    return name.startswith(_HANDLER_PREFIXES) or hasattr(getattr(cls, name, None), "_event_names")


def _name(thing: Any) -> str:
    return f"{thing.__module__}.{getattr(thing, '__qualname__', thing.__name__)}"
