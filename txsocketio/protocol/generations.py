"""
The record of what differs between protocol generations, and the one place that tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from txsocketio.errors import OptionError
from txsocketio.interfaces import IJSON, IEngineCodec, IParser, IWire
from txsocketio.protocol.engineio_legacy import TRANSPORTS, LegacyCodec
from txsocketio.protocol.engineio_v3 import CodecV3
from txsocketio.protocol.engineio_v4 import CodecV4
from txsocketio.protocol.jsoncodec import json_codec
from txsocketio.protocol.packet import UNBOUNDED, Bounds
from txsocketio.protocol.socketio_legacy import LegacyParser
from txsocketio.protocol.socketio_v4 import ParserV4
from txsocketio.protocol.socketio_v5 import ParserV5
from txsocketio.protocol.wires import wires_legacy, wires_v3, wires_v4
from txsocketio.reasons import CLIENT_NAMESPACE_DISCONNECT, TRANSPORT_CLOSE

if TYPE_CHECKING:
    from txsocketio.support.types import JSONFunctions


@dataclass(frozen=True, slots=True)
class Generation:
    """
    Hold what one generation of clients needs; layers above ask this record and never the version.

    :ivar name: ``eio4``, ``eio3`` or ``legacy``, as in the option ``generations``.
    :ivar revision: what its clients put in the ``EIO`` parameter; ``""`` where they send none.
    :ivar codec: splits POST bodies and strips binary frames.
    :ivar parser: Socket.IO packets to parts and back.
    :ivar wires: by container: see txsocketio.protocol.wires.
    :ivar heartbeat: who pings: ``server``, ``client`` or ``legacy``; the engine's table of heartbeats knows them.
    :ivar implicit_root: the server joins the root namespace unasked when the session opens; no connect timeout.
    :ivar fresh_ids: every namespace gets an id of its own; otherwise the root has the engine's id and ``/chat`` has
        ``/chat#`` before it (``plain_ids``: the engine's id everywhere).
    :ivar plain_ids: see fresh_ids.
    :ivar path_transports: not empty where the path names the transport and the session, as ``/1/xhr-polling/SID``: the
        names it may have, and which of our transports each is.
    :ivar repeats_joins: clients may ask for a namespace that they have joined, and mean nothing by it: coming back they
        ask for all of theirs, whether or not they have done so already.
    :ivar parting_reason: why a session ends whose client says goodbye: the connection is closed, or, where that is the
        only way to do it, the client has left the root namespace and with it all others.
    :ivar script_parameter: the query parameter with which clients ask for scripts; of 0.9 its handshake's.
    :ivar takes_scripts: whether its clients may do so, as the option ``jsonp`` has it.
    :ivar says_goodbye: the polls of a session that closes end with a close packet; not where clients would take that
        for a disconnect by the application, after which they stay away.
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
    path_transports: Mapping[str, str] = field(default_factory=dict)
    repeats_joins: bool = False
    parting_reason: str = TRANSPORT_CLOSE
    says_goodbye: bool = True
    script_parameter: str = "j"
    takes_scripts: bool = True


def _eio4(json: IJSON, bounds: Bounds) -> Generation:
    parser = ParserV5(json, bounds)
    return Generation("eio4", "4", CodecV4(), parser, wires_v4(parser), heartbeat="server")


def _eio3(json: IJSON, bounds: Bounds) -> Generation:
    parser = ParserV4(json, bounds)
    wires = wires_v3(parser)
    return Generation("eio3", "3", CodecV3(), parser, wires, heartbeat="client", implicit_root=True, fresh_ids=False)


def _legacy(json: IJSON, bounds: Bounds) -> Generation:
    parser = LegacyParser(json, bounds)
    return Generation(
        "legacy",
        "",
        LegacyCodec(),
        parser,
        wires_legacy(parser),
        heartbeat="legacy",
        implicit_root=True,
        fresh_ids=False,
        plain_ids=True,
        path_transports=TRANSPORTS,
        repeats_joins=True,
        parting_reason=CLIENT_NAMESPACE_DISCONNECT,
        says_goodbye=False,
        script_parameter="jsonp",
    )


_BUILDERS: Final[Mapping[str, Callable[[IJSON, Bounds], Generation]]] = {
    "eio4": _eio4,
    "eio3": _eio3,
    "legacy": _legacy,
}
#: The query parameter in which clients name their revision.
REVISION_PARAMETER: Final = "EIO"
#: The first segment below the mount that belongs to 0.9: the number of its protocol.
_LEGACY_SEGMENT: Final = "1"


class GenerationTable:
    """
    Hold the generations that a server serves, and tell from a request which one its client speaks.

    :ivar by_name: the records, by name.
    """

    def __init__(
        self,
        names: Iterable[str],
        json: JSONFunctions | None = None,
        scripted: Iterable[str] = tuple(_BUILDERS),
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        """
        :param names: as in the option ``generations``.
        :param scripted: as in the option ``jsonp``.
        :param json: as in the option ``json``.
        :param bounds: of the packets that are encoded.
        :raises OptionError: for a name that does not exist.
        """
        codec = json_codec(json)
        records: dict[str, Generation] = {}
        for name in names:
            if name not in _BUILDERS:
                raise OptionError(f"there is no generation {name!r}; there are {', '.join(_BUILDERS)}")
            records[name] = replace(_BUILDERS[name](codec, bounds), takes_scripts=name in scripted)
        self.by_name: Mapping[str, Generation] = records
        self._by_revision = {record.revision: record for record in records.values()}

    def for_request(self, tail: Sequence[str], eio: str | None) -> Generation | None:
        """
        Choose the generation of a request.

        :param tail: the segments of its path below the mount.
        :param eio: its REVISION_PARAMETER, or None.
        :return: the record; None when the client speaks none that is served. A missing parameter is never guessed.
        """
        if tail and tail[0] == _LEGACY_SEGMENT and "legacy" in self.by_name:
            return self.by_name["legacy"]
        return self._by_revision.get(eio) if eio else None
