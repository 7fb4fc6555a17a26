"""
The record of what differs between protocol generations, and the one place that tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from txsocketio.interfaces import IEngineCodec, IParser, IWire


@dataclass(frozen=True, slots=True)
class Generation:
    """
    Hold what one generation of clients needs; layers above ask this record and never the version.

    :ivar name: ``eio4``, ``eio3`` or ``legacy``, as in the option ``generations``.
    :ivar revision: what its clients put in the ``EIO`` parameter; ``""`` where they send none.
    :ivar codec: splits POST bodies and strips binary frames.
    :ivar parser: Socket.IO packets to parts and back.
    :ivar wires: by container: ``websocket``, ``unframed``, ``polling`` and, where ``b64`` matters, ``polling-b64``.
    :ivar heartbeat: who pings: ``server``, ``client`` or ``legacy``; the engine's table of heartbeats knows them.
    :ivar implicit_root: the server joins the root namespace unasked when the session opens; no connect timeout.
    :ivar fresh_ids: every namespace gets an id of its own; otherwise the root has the engine's id and ``/chat`` has
        ``/chat#`` before it (``plain_ids``: the engine's id everywhere).
    :ivar plain_ids: see fresh_ids.
    """

    name: str
    revision: str
    codec: IEngineCodec
    parser: IParser
    wires: Mapping[str, IWire]
    heartbeat: str
    implicit_root: bool = False
    fresh_ids: bool = True
    plain_ids: bool = False
