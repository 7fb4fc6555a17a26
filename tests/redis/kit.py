"""
What the tests of the cluster's messages share: real ones, strategies for ours, and for what resembles them.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgpack
from hypothesis import strategies as st

from tests.protocol.kit import event_names, namespaces, texts, values, values_with_bytes
from txsocketio.redis.cluster import messages as m

ids = st.text(min_size=1, max_size=12)
rooms = st.lists(texts, max_size=3).map(tuple)
selections = st.builds(m.Selection, st.none() | rooms.filter(bool), rooms)
flagged = st.builds(
    m.Selection,
    st.none() | rooms.filter(bool),
    rooms,
    st.booleans(),
    st.none() | st.booleans(),
    st.none() | st.integers(0, 10**9).map(lambda number: number / 1000),
    st.booleans(),
)
events = st.tuples(event_names, st.lists(values_with_bytes, max_size=3)).map(lambda pair: [pair[0], *pair[1]])
json_events = st.tuples(event_names, st.lists(values, max_size=3)).map(lambda pair: [pair[0], *pair[1]])
uids = st.none() | ids

broadcasts = st.builds(m.Broadcast, ids, namespaces, events, flagged)
requests = st.one_of(
    st.builds(m.SocketIdsRequest, uids, ids, st.none() | rooms.filter(bool)),
    st.builds(m.AllRoomsRequest, uids, ids),
    st.builds(m.JoinRequest, uids, selections, rooms),
    st.builds(m.LeaveRequest, uids, selections, rooms),
    st.builds(m.DisconnectRequest, uids, selections, st.booleans()),
    st.builds(m.JoinOneRequest, uids, ids, ids, texts),
    st.builds(m.LeaveOneRequest, uids, ids, ids, texts),
    st.builds(m.DisconnectOneRequest, uids, ids, ids, st.booleans()),
    st.builds(m.FetchRequest, uids, ids, selections),
    st.builds(m.ServerSideEmit, uids, json_events, st.none() | ids),
    st.builds(m.BroadcastRequest, uids, ids, namespaces, events, flagged),
)
remote_sockets = st.builds(m.SocketDescription, ids, st.dictionaries(texts, values, max_size=3), rooms, values)
responses = st.one_of(
    st.builds(m.SocketIdsResponse, ids, st.lists(ids, min_size=1, max_size=3).map(tuple)),
    st.builds(m.RoomsResponse, ids, rooms),
    st.builds(m.SocketsResponse, ids, st.lists(remote_sockets, max_size=3).map(tuple)),
    st.builds(m.ServerSideAnswer, ids, values),
    st.builds(m.ClientCount, ids, st.integers(0, 2**53 - 1)),
    st.builds(m.BroadcastAckMessage, ids, values_with_bytes),
    st.builds(m.Done, ids),
)

#: Whatever an application might put where a value belongs.
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet="a0/#\ud800é")
    | st.binary(max_size=4)
    | st.sampled_from([object(), {1}, {(1, 2): 3}, {b"k": 1}, {1: 2}, ..., 1j]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)

_NAMES = "type uid requestId opts rooms except flags packet data nsp sid room close sockets clientCount id handshake"
#: Values whose keys and types are those of messages, put together anyhow.
resembling = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 10)
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.sampled_from(["/", "/chat", "emitter", 2.0, 2**53, -(2**63), 2**64 - 1]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES.split()), inner, max_size=8),
    max_leaves=25,
)


class Vector:
    """
    Hold a message that a real server or publisher sent.
    """

    def __init__(self, entry: dict[str, str]) -> None:
        self.name = entry["name"]
        self.channel = entry["channel"]
        self.payload = base64.b64decode(entry["payload"])

    @property
    def kind(self) -> str:
        for kind in ("request", "response"):
            if f"-{kind}#" in self.channel:
                return kind
        return "broadcast" if "#" in self.channel else "python"

    @property
    def value(self) -> Any:
        if self.payload[:1] == b"{":
            return json.loads(self.payload)
        return msgpack.unpackb(self.payload, timestamp=3)


def vectors(*kinds: str) -> list[Vector]:
    """
    Give the real messages of some kinds.
    """
    entries = json.loads((Path(__file__).parent / "vectors.json").read_text())["vectors"]
    return [vector for vector in map(Vector, entries) if vector.kind in kinds]
