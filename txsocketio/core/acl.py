"""
Who may call what: access lists made of method names and of zope Interfaces.

An application says what a kind of user may do as an Interface, declares its namespace as an implementer, and grants
the Interface; names work as they did in gevent-socketio. Either is turned into method names when it is granted, so
that asking for one event is a look into a set: ``namespace._allowed is None or name in namespace._allowed``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from zope.interface import Invalid, implementedBy
from zope.interface.interface import InterfaceClass, Method
from zope.interface.verify import verifyClass

from txsocketio.core.handlers import is_ours
from txsocketio.errors import UsageError
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from txsocketio.core.member import Member
    from txsocketio.namespace import BaseNamespace

#: What a method was granted by when it was named itself, not through an Interface.
_BY_NAME = object()

#: What each allowed method was granted by: Interfaces, or _BY_NAME.
Grants: TypeAlias = dict[str, set[object]]

#: What an open namespace holds, which has not asked for its own.
NO_GRANTS: Final[Value] = MappingProxyType({})

_HANDLER_PREFIXES = ("on_", "recv_")


def set_allowed(member: Member, granted: Value) -> None:
    """
    Replace everything that was granted before.

    :param member: the client in the namespace.
    :param granted: a collection of names and Interfaces; None to allow every method.
    :raises UsageError: for what the class lacks.
    """
    if granted is None:
        member.grants = NO_GRANTS
        member.allowed = None
        return
    grants: Grants = {}
    for grant in _each(granted):
        _add(grants, grant, _names_of(member.namespace, grant))
    _set_grants(member, grants)


def add(member: Member, grant: Value) -> None:
    """
    Allow a method, or all methods of an Interface; see BaseNamespace.add_acl_method.
    """
    _require_restricted(member, "grant")
    _add(member.grants, grant, _names_of(member.namespace, grant))
    _set_grants(member, member.grants)


def remove(member: Member, grant: Value) -> None:
    """
    Deny a method, or take back an Interface; see BaseNamespace.del_acl_method.
    """
    _require_restricted(member, "revoke")
    names, grants = _names_of(member.namespace, grant), member.grants
    if isinstance(grant, str):
        grants.pop(grant, None)
    else:
        for name in names:
            sources = grants.get(name, set())
            sources.discard(grant)
            if not sources:
                grants.pop(name, None)
    _set_grants(member, grants)


def is_allowed(member: Member, grant: Value) -> bool:
    """
    Tell whether a method, or all methods of an Interface, may be called; see BaseNamespace.is_method_allowed.
    """
    allowed = member.allowed
    if allowed is None:
        return True
    if isinstance(grant, InterfaceClass):
        return allowed.issuperset(_methods(grant))
    return grant in allowed


def is_granted(member: Member, interface: InterfaceClass) -> bool:
    """
    Tell whether any method is allowed because of an Interface.

    :param member: the client in the namespace.
    :param interface: which.
    """
    return any(interface in sources for sources in member.grants.values())


def _set_grants(member: Member, grants: Grants) -> None:
    member.grants = grants
    member.allowed = frozenset(grants)


def _require_restricted(member: Member, verb: str) -> None:
    if member.allowed is None:
        raise UsageError(
            f"nothing to {verb}: {_name(type(member.namespace))} is open, all its handlers are allowed; restrict it"
            " first, by a get_initial_acl that returns a list (empty allows nothing) or by assigning allowed_methods"
        )


def _names_of(namespace: BaseNamespace, grant: Value) -> list[str]:
    """
    Give the method names that a grant stands for.

    :raises UsageError: when the class lacks it.
    """
    cls = type(namespace)
    if isinstance(grant, InterfaceClass):
        if not grant.implementedBy(cls):
            raise UsageError(
                f"{_name(cls)} does not declare {_name(grant)}: decorate it with @implementer({grant.__name__})"
            )
        return list(_methods(grant))
    if not isinstance(grant, str):
        raise UsageError(f"an access list holds names of methods and zope Interfaces, not {grant!r}")
    if not callable(getattr(cls, grant, None)) and not callable(vars(namespace).get(grant)):
        raise UsageError(f"{_name(cls)} has no method {grant!r} that could be allowed or denied")
    return [grant]


def access_interfaces(cls: type) -> list[InterfaceClass]:
    """
    Find the Interfaces that list what clients may call.

    :param cls: a namespace class.
    :return: those of the Interfaces it declares, and of their bases, that have a method which is a handler, by its
        name (``on_*``, ``recv_*``) or by a decorator. Interfaces for anything else do not count.
    """
    declared: Value = implementedBy(cls)  # type: ignore[no-untyped-call]
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
    if interfaces and _leaves_all_open(cls):
        raise UsageError(
            f"{_name(cls)} declares {', '.join(map(_name, interfaces))} but does not define get_initial_acl, so that"
            " everybody could call everything; return there what a client may call at first, [] for nothing"
        )


def _leaves_all_open(cls: type) -> bool:
    definers = [base for base in cls.__mro__ if "get_initial_acl" in vars(base)]
    return bool(definers) and is_ours(definers[0])


def _each(granted: Value) -> Iterable[Value]:
    if isinstance(granted, str | InterfaceClass):
        return (granted,)
    if not isinstance(granted, Iterable):
        raise UsageError(f"an access list is None or a collection of method names and Interfaces, not {granted!r}")
    return granted


def _add(grants: Grants, grant: Value, names: Iterable[str]) -> None:
    source = grant if isinstance(grant, InterfaceClass) else _BY_NAME
    for name in names:
        grants.setdefault(name, set()).add(source)


def _methods(interface: InterfaceClass) -> Iterator[str]:
    for name, description in interface.namesAndDescriptions(all=True):
        if isinstance(description, Method):
            yield name


def _is_handler(cls: type, name: str) -> bool:
    return name.startswith(_HANDLER_PREFIXES) or hasattr(getattr(cls, name, None), "_event_names")


def _name(thing: Value) -> str:
    return f"{thing.__module__}.{getattr(thing, '__qualname__', thing.__name__)}"
