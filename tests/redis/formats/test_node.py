"""
Tests of the cluster's messages: real ones, round trips, hostile ones, and what is never published.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import modest
from tests.redis.kit import anything, broadcasts, requests, resembling, responses, vectors
from txsocketio.errors import UnencodableValue, WireError
from txsocketio.redis.cluster import messages as m
from txsocketio.redis.formats import node

DECODE = {"broadcast": node.decode_broadcast, "request": node.decode_request, "response": node.decode_response}
ENCODE: dict[str, Any] = {
    "broadcast": node.encode_broadcast,
    "request": node.encode_request,
    "response": node.encode_response,
}
EVENT = m.Broadcast("uid", "", ["hello"])


class RealMessages(SynchronousTestCase):
    def test_each_is_read_and_written_as_it_was(self):
        for vector in vectors(*DECODE):
            message = DECODE[vector.kind](vector.payload)
            written = ENCODE[vector.kind](message)
            if "date" not in vector.name:
                self.assertEqual(unpacked(written), vector.value, vector.name)
            self.assertEqual(written[:1] == b"{", vector.payload[:1] == b"{", vector.name)
            self.assertEqual(DECODE[vector.kind](written), message, vector.name)

    def read(self, name: str) -> Any:
        [vector] = [vector for vector in vectors(*DECODE) if vector.name == name]
        return DECODE[vector.kind](vector.payload)

    def test_what_node_published_is_read(self):
        release = "redis-adapter@8.3.0/"
        self.assertEqual(
            self.read(release + "broadcast_rooms_except_flags/1"),
            m.Broadcast(
                "bEtvJB", "", ["hi2"], m.Selection(("room1", "room2"), ("room3",), volatile=True, compress=False)
            ),
        )
        self.assertEqual(
            self.read(release + "broadcast_ack/1"),
            m.BroadcastRequest("bEtvJB", "Qdu1nd", "", ["ask", "q"], m.Selection(timeout=1.0)),
        )
        self.assertEqual(self.read(release + "broadcast_ack/3"), m.ClientCount("Qdu1nd", 1))
        self.assertEqual(self.read(release + "broadcast_ack/4"), m.BroadcastAckMessage("Qdu1nd", "ack-c2"))
        self.assertEqual(self.read(release + "all_rooms/2"), m.AllRoomsRequest("bEtvJB", "apQ6O0"))
        self.assertEqual(
            self.read(release + "all_rooms/3"), m.RoomsResponse("apQ6O0", ("tom4XEi79IOcKnthAAAB", "room1"))
        )
        self.assertEqual(
            self.read(release + "sockets_leave/1"),
            m.LeaveRequest("bEtvJB", m.Selection(except_=("nobody",)), ("r3",)),
        )
        self.assertEqual(
            self.read("redis-emitter@5.1.0/emitter_disconnect/1"),
            m.DisconnectRequest(None, m.Selection(("ghost",)), True),
        )
        self.assertEqual(
            self.read(release + "legacy_JOIN_request/1"),
            m.JoinOneRequest("manual", "reqJ", "fWiFCbkLSNMypwMYAAAA", "legacy"),
        )
        self.assertEqual(self.read(release + "legacy_JOIN_request/2"), m.Done("reqJ"))
        [socket] = self.read(release + "fetch_sockets/3").sockets
        self.assertEqual((socket.sid, "room1" in socket.rooms), ("tom4XEi79IOcKnthAAAB", True))

    def test_bytes_and_dates(self):
        binary = self.read("redis-adapter@8.3.0/broadcast_binary/1")
        self.assertEqual(binary.data, ["bin", b"\x01\x02\x03\xff", {"n": b"\x09\x08"}])
        dates = self.read("redis-adapter@8.3.0/broadcast_date_undefined/1")
        # As JavaScript writes it in JSON, which is what its clients get.
        self.assertEqual(dates.data[1:4], ["2023-11-14T22:13:20.123Z", None, 300])


def unpacked(payload: bytes) -> Any:
    return json.loads(payload) if payload[:1] == b"{" else msgpack.unpackb(payload)


class RoundTrips(SynchronousTestCase):
    @modest
    @given(broadcasts)
    def test_broadcasts(self, message):
        self.assertEqual(node.decode_broadcast(node.encode_broadcast(message)), message)

    @modest
    @given(requests)
    def test_requests(self, message):
        self.assertEqual(node.decode_request(node.encode_request(message)), message)

    @modest
    @given(responses)
    def test_responses(self, message):
        self.assertEqual(node.decode_response(node.encode_response(message)), message)

    def test_no_sids_are_no_sockets(self):
        payload = node.encode_response(m.SocketIdsResponse("r", ()))
        self.assertEqual(node.decode_response(payload), m.SocketsResponse("r", ()))

    def test_which_are_json(self):
        self.assertEqual(node.encode_request(m.AllRoomsRequest("u", "r"))[:1], b"{")
        self.assertNotEqual(node.encode_request(m.BroadcastRequest("u", "r", "", ["e"]))[:1], b"{")
        self.assertEqual(node.encode_response(m.ClientCount("r", 1))[:1], b"{")
        self.assertNotEqual(node.encode_response(m.BroadcastAckMessage("r", b"1"))[:1], b"{")


class Hostile(SynchronousTestCase):
    def read_all(self, payload: bytes) -> None:
        for decode in DECODE.values():
            try:
                decode(payload)
            except WireError as error:
                self.assertTrue(str(error))

    @modest
    @given(st.binary(max_size=200))
    def test_any_bytes(self, payload):
        self.read_all(payload)
        self.read_all(b"{" + payload)

    @modest
    @given(resembling)
    def test_what_resembles_messages(self, value):
        self.read_all(msgpack.packb(value))
        self.read_all(msgpack.packb(["uid", {"type": 2, "data": ["e"], "nsp": "/"}, value]))
        # Some have bytes.
        with contextlib.suppress(TypeError):
            self.read_all(json.dumps(value).encode())

    @modest
    @given(st.sampled_from(vectors(*DECODE)), st.data())
    def test_real_ones_with_changed_bytes(self, vector, data):
        payload = bytearray(vector.payload)
        for _ in range(data.draw(st.integers(1, 3))):
            payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
        self.read_all(bytes(payload[: data.draw(st.integers(0, len(payload)))]))
        self.read_all(bytes(payload))

    def test_deep_and_wide_messages_are_refused(self):
        for payload in (
            b"\x91" * 100_000,
            b"\x81" * 100_000,
            b"\xdd\xff\xff\xff\xff" * 1000,
            b"\xdf\xff\xff\xff\xff" * 1000,
            b"\xdd\x00\x00\xff\xff" * 1000 + b"\xc0" * 100_000,
            b"\xdd\x00\x04\x00\x00" * 1000 + b"\xc0" * 300_000,
            b"\xc6\xff\xff\xff\xff",
            b'{"type":' * 100_000,
            b'{"type":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b"\x81\x90\x90",
            b"\x93\xa1u\xd6\xff\xff\xff\xff\xff\xc0",
        ):
            self.read_all(payload)

    def refused(self, kind: str, value: Any, words: str) -> None:
        error = self.assertRaises(WireError, DECODE[kind], msgpack.packb(value))
        self.assertIn(words, str(error))

    def test_broadcasts_that_are_none(self):
        packet = {"type": 2, "data": ["e"], "nsp": "/"}
        self.refused("broadcast", {"uid": "u"}, "no list")
        self.refused("broadcast", ["u", packet], "no list")
        self.refused("broadcast", ["u", packet, None], "opts")
        self.refused("broadcast", [1, packet, {}], "uid")
        self.refused("broadcast", ["u", {**packet, "type": 1}, {}], "no event")
        self.refused("broadcast", ["u", {**packet, "data": ["connect"]}, {}], "reserved")
        self.refused("broadcast", ["u", {**packet, "data": [1]}, {}], "no text")
        self.refused("broadcast", ["u", {**packet, "data": []}, {}], "no list")
        self.refused("broadcast", ["u", {**packet, "nsp": "chat"}, {}], "namespace")
        self.refused("broadcast", ["u", packet, {"rooms": "room"}], "opts.rooms")
        self.refused("broadcast", ["u", packet, {"rooms": [True]}], "room")
        self.refused("broadcast", ["u", packet, {"flags": {"timeout": float("nan")}}], "timeout")

    def test_requests_that_are_none(self):
        self.refused("request", [], "no object")
        self.refused("request", {"type": 10, "uid": "u"}, "unknown type")
        self.refused("request", {"type": True}, "type")
        self.refused("request", {"type": 1}, "requestId")
        self.refused("request", {"type": 5, "requestId": "r"}, "opts")
        self.refused("request", {"type": 2, "requestId": "r", "sid": "s"}, "room")
        self.refused("request", {"type": 6, "data": ["connection"]}, "reserved")

    def test_responses_that_are_none(self):
        self.refused("response", {"type": 8, "requestId": "r", "clientCount": -1}, "count")
        self.refused("response", {"type": 3, "requestId": "r"}, "unknown type")
        self.refused("response", {"requestId": 7}, "requestId")
        self.refused("response", {"requestId": "r", "sockets": [{"id": "s"}]}, "handshake")


class Lenience(SynchronousTestCase):
    """
    What other implementations send and is no fault.
    """

    def broadcast(self, packet: dict[str, Any], opts: dict[str, Any]) -> m.Broadcast:
        return node.decode_broadcast(msgpack.packb(["u", packet, opts]))

    def test_what_may_be_missing(self):
        expected = m.Broadcast("u", "", ["e"])
        self.assertEqual(self.broadcast({"type": 2, "data": ["e"]}, {}), expected)
        self.assertEqual(self.broadcast({"type": 5.0, "data": ["e"]}, {"flags": None, "rooms": None}), expected)
        self.assertEqual(self.broadcast({"type": 2, "data": ["e"]}, {"flags": {"broadcast": True}}), expected)

    def test_rooms_that_are_numbers(self):
        found = self.broadcast({"type": 2, "data": ["e"]}, {"rooms": [7, 8.0], "except": [-1]})
        self.assertEqual(found.selection, m.Selection(("7", "8"), ("-1",)))

    def test_old_extensions(self):
        packed = msgpack.packb(
            ["e", msgpack.ExtType(0, b"\x00"), msgpack.ExtType(0, (1700000000123).to_bytes(8, "big")), {"k": 1}]
        )
        payload = b"\x93\xa1u\x82\xa4type\x02\xa4data" + packed + b"\x80"
        self.assertEqual(node.decode_broadcast(payload).data, ["e", None, "2023-11-14T22:13:20.123Z", {"k": 1}])


class NeverPublished(SynchronousTestCase):
    @modest
    @given(st.lists(anything, max_size=3), anything, anything)
    def test_what_is_published_can_be_read(self, data, uid, namespace):
        for message in (
            m.Broadcast("u", "/n", ["e", *data]),
            m.Broadcast(uid, "", data),
            m.Broadcast("u", namespace, ["e"]),
        ):
            try:
                payload = node.encode_broadcast(message)
            except UnencodableValue as error:
                self.assertTrue(str(error))
            else:
                read = msgpack.unpackb(payload, strict_map_key=False)
                self.assertEqual((len(read), set(read[2])), (3, {"rooms", "except", "flags"}))
                self.assertIs(type(read[0]), str)
                node.decode_broadcast(payload)

    @modest
    @given(anything)
    def test_requests_and_answers_with_any_value(self, value):
        for encode, decode, message in (
            (node.encode_request, node.decode_request, m.ServerSideEmit("u", ["e", value])),
            (node.encode_request, node.decode_request, m.JoinRequest("u", m.WHOLE_NAMESPACE, (value,))),
            (node.encode_response, node.decode_response, m.ServerSideAnswer("r", value)),
            (node.encode_response, node.decode_response, m.BroadcastAckMessage("r", value)),
            (node.encode_response, node.decode_response, m.Done(value)),
        ):
            try:
                payload = encode(message)
            except UnencodableValue:
                continue
            self.assertEqual(type(decode(payload)), type(message))

    def refused(self, words: str, **changes: Any) -> None:
        error = self.assertRaises(UnencodableValue, node.encode_broadcast, replace(EVENT, **changes))
        self.assertIn(words, str(error))

    def test_broadcasts(self):
        self.refused("64 bits", data=["e", 2**64])
        self.refused("64 bits", data=["e", {"k": [-(2**63) - 1]}])
        self.refused("", data=["e", object()])
        self.refused("", data=["e", {(1, 2): 3}])
        self.refused("reserved", data=["disconnect"])
        self.refused("not nobody", selection=m.Selection(()))
        self.refused("named by a str", selection=m.Selection((7,)))  # type: ignore[arg-type]
        deep: list[Any] = []
        for _ in range(2000):
            deep = [deep]
        self.refused("", data=["e", deep])

    def test_messages_that_others_could_not_read_are_refused(self):
        self.refused("too many", data=["e", b"x" * (64 * 1024 * 1024)])
        self.refused("could not read it", data=["e", [1] * (256 * 1024 + 1)])
        fits = replace(EVENT, data=["e", [1] * (256 * 1024), b"x" * 1_000_000])
        self.assertEqual(node.decode_broadcast(node.encode_broadcast(fits)), fits)
        self.assertRaises(WireError, node.decode_broadcast, bytes(64 * 1024 * 1024 + 1))

    def test_bytes_in_json(self):
        error = self.assertRaises(UnencodableValue, node.encode_request, m.ServerSideEmit("u", ["e", b"x"]))
        self.assertIn("send them as text", str(error))
        self.assertRaises(UnencodableValue, node.encode_response, m.ServerSideAnswer("r", {"k": b"x"}))

    def test_events_that_break_a_javascript_server(self):
        for name in ("error", "connection", "connect", "new_namespace"):
            self.assertRaises(UnencodableValue, node.encode_request, m.ServerSideEmit("u", [name]))

    def test_not_a_number_is_null_in_json(self):
        payload = node.encode_request(m.ServerSideEmit("u", ["e", float("nan"), float("inf")]))
        self.assertEqual(json.loads(payload)["data"], ["e", None, None])

    def test_bytes_in_the_data_of_a_socket(self):
        socket = m.SocketDescription("s", {}, ("s",), {"k": b"\x01\xff"})
        payload = node.encode_response(m.SocketsResponse("r", (socket,)))
        self.assertEqual(json.loads(payload)["sockets"][0]["data"], {"k": {"type": "Buffer", "data": [1, 255]}})

    def test_what_only_json_has_a_form_for(self):
        moment = datetime(2026, 1, 2, tzinfo=UTC)
        payload = node.encode_broadcast(replace(EVENT, data=["e", moment, EVENT.selection, {7: "\ud800"}, (1,)]))
        self.assertEqual(
            node.decode_broadcast(payload).data[1:],
            ["2026-01-02T00:00:00+00:00", self.selection(), {7: "\ufffd"}, [1]],
        )

    def selection(self) -> dict[str, Any]:
        return {
            "rooms": None,
            "except_": [],
            "volatile": False,
            "compress": None,
            "timeout": None,
            "expect_single_response": False,
        }
