"""
gevent-socketio's dispatch: the documented chain of methods that a class may override.

A class that overrides none of them is dispatched to without it (see ``calls``); one that does gets packets as dicts,
and what the overriding method returns is what is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from txsocketio.core.dispatch import UNGATED, Calls, shown
from txsocketio.core.handlers import NO_ACK
from txsocketio.protocol.packet import RESERVED_EVENTS


class Hooks(Calls):
    """
    Walk the chain; the part of BaseNamespace that may be overridden.
    """

    is_method_allowed: Callable[[str], bool]

    def process_packet(self, packet: dict[str, Any]) -> Any:
        """
        Dispatch a packet; overriding it replaces all dispatch of this class.

        A disconnect is shown to it too, but the namespace closes whatever it does.

        :param packet: the dict view: ``type``, ``endpoint``, and by type ``name``, ``args``, ``data``, ``id``.
        :return: what is acknowledged. For a connect, NO_ACK refuses the client.
        """
        kind = packet["type"]
        if kind == "event":
            return self.process_event(packet)
        if kind == "ack":
            self._acknowledged(packet["ackId"], packet["args"])
        elif kind in ("message", "json"):
            return self.call_method_with_acl(f"recv_{kind}", packet, packet.get("data"))
        elif kind in ("connect", "error"):
            return self.call_method_with_acl(f"recv_{kind}", packet)
        return NO_ACK

    def process_event(self, packet: dict[str, Any]) -> Any:
        """
        Find the method for an event and call it; may be overridden.

        :param packet: the dict view, with ``name`` and the list ``args``.
        :return: what is acknowledged.
        """
        name, args = packet["name"], packet["args"]
        if not isinstance(name, str) or name in RESERVED_EVENTS:
            self.error("unallowed_event_name", f"{shown(name)} cannot be the name of an event", packet.get("id"))
            return NO_ACK
        handler = self._table.events.get(name) or self._table.find(self, [name, *args])
        if handler is None:
            return self.call_method_with_acl(f"on_{name.replace(' ', '_')}", packet, *args)
        return self.call_method_with_acl(handler.name, packet, *((name, *args) if handler.catch_all else args))

    def call_method_with_acl(self, method_name: str, packet: Mapping[str, Any], *args: Any) -> Any:
        """
        Call a method if the access list allows it; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when it is denied.
        """
        if method_name not in UNGATED and not self.is_method_allowed(method_name):
            self._tell("method_access_denied", "you do not have access to", packet)
            return NO_ACK
        return self.call_method(method_name, packet, *args)

    def call_method(self, method_name: str, packet: Mapping[str, Any], *args: Any) -> Any:
        """
        Call a method without asking the access list; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view, which a method ``(self, packet)`` gets instead of the arguments.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when there is no such method, or the arguments do not fit it.
        """
        handler = self._table.method(self, method_name)
        if handler is None:
            self._tell("no_such_method", "nothing here takes", packet)
            return NO_ACK
        if handler.inherited:
            return NO_ACK if packet["type"] in ("event", "message", "json") else None
        given = [packet] if handler.takes_packet else args
        if not handler.least <= len(given) <= handler.most:
            self._tell("invalid_method_args", f"{len(args)} arguments do not fit", packet)
            return NO_ACK
        return self._invoke(handler, given)

    def _tell(self, name: str, message: str, packet: Mapping[str, Any]) -> None:
        what = packet.get("name", packet["type"])
        self.error(name, f"{message} the event {shown(what)}", packet.get("id"))
