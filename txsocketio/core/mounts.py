"""
Which class answers under which namespace name: the one form of a name, and what the clients in a namespace share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.handlers import HandlerTable
from txsocketio.errors import UsageError

if TYPE_CHECKING:
    from txsocketio.namespace import BaseNamespace


class MountedNamespace:
    """
    Hold what all the clients in one namespace share.

    :ivar name: ``""`` for the root, else ``"/chat"``.
    :ivar cls: the BaseNamespace subclass; each client gets an instance.
    :ivar table: the HandlerTable of the class.
    :ivar local: the MemoryAdapter: the members in this process.
    :ivar adapter: the IAdapter, which is the same in a server that is one process.
    """

    __slots__ = ("adapter", "cls", "local", "name", "table")

    def __init__(self, name: str, cls: type[BaseNamespace], local: MemoryAdapter, adapter: Any = None) -> None:
        """
        :param name: normalised.
        :param cls: verified.
        :param local: a MemoryAdapter of its own.
        :param adapter: the IAdapter made of it, or None.
        """
        self.name = name
        self.cls = cls
        self.table: HandlerTable = cls._table
        self.local = local
        self.adapter: Any = local if adapter is None else adapter


def normalise_name(name: Any) -> str:
    """
    Give the one form of a namespace's name that is used inside.

    :param name: ``""`` or ``"/"`` for the root, ``"/chat"`` or ``"chat"``.
    :return: ``""`` for the root, else with a leading slash.
    :raises UsageError: when no client could ask for it.
    """
    if not isinstance(name, str):
        raise UsageError(f"the name of a namespace is a str like '/chat', not {name!r}")
    if "," in name or "?" in name:
        raise UsageError(f"the name of a namespace ends at a comma or question mark on the wire: {name!r} won't do")
    name = name.removeprefix("/")
    return f"/{name}" if name else ""
