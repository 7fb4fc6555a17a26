"""
Tests of the messages of python-socketio: real ones, older ones, pickles, hostile ones.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import modest, namespaces, texts
from tests.redis.kit import events, ids, json_events, resembling, rooms, vectors
from txsocketio.errors import UnencodableValue, WireError
from txsocketio.redis.formats import python_socketio as p

callbacks = st.tuples(texts, st.just("/"), st.integers(0, 2**53 - 1))
#: None as the only argument cannot be said.
emits = st.builds(p.Emit, namespaces, events, st.none() | rooms, rooms, st.none() | callbacks, st.none() | ids).filter(
    lambda message: message.data[1:] != [None]
)
messages = st.one_of(
    emits,
    st.builds(p.Disconnect, namespaces, ids, st.none() | ids),
    st.builds(p.EnterRoom, namespaces, ids, texts, ids),
    st.builds(p.LeaveRoom, namespaces, ids, texts, ids),
    st.builds(p.CloseRoom, namespaces, texts, ids),
    st.builds(p.Callback, ids, texts, namespaces, st.integers(0, 100), json_events),
)
_FIELDS = ("event", "data", "binary", "namespace", "room", "skip_sid", "callback", "host_id", "sid", "id", "args")


def decoded(**body: Any) -> Any:
    return p.decode_message(json.dumps(body).encode())


class RealMessages(SynchronousTestCase):
    def read(self) -> dict[str, Any]:
        return {vector.name.split("/")[1]: p.decode_message(vector.payload) for vector in vectors("python")}

    def test_what_python_socketio_published_is_read(self):
        read = self.read()
        self.assertEqual(read["ext_emit_all"].data, ["hello", {"a": 1}])
        self.assertEqual(read["ext_emit_tuple"].data, ["hello", "x", 2, None])
        self.assertEqual((read["ext_emit_room"].namespace, read["ext_emit_room"].rooms), ("", ("room1",)))
        several = read["ext_emit_rooms_skip"]
        self.assertEqual(several.namespace, "/chat")
        self.assertEqual((several.rooms, several.skip_sids), (("room1", "room2"), ("SID1",)))
        self.assertEqual(read["ext_emit_skip_list"].skip_sids, ("SID1", "SID2"))
        self.assertEqual(read["ext_emit_skip_list"].data, ["hello"])
        self.assertEqual(read["ext_emit_binary"].data, ["bin", b"\x01\x02\xff"])
        self.assertEqual(read["ext_emit_binary_nested"].data, ["bin", {"x": b"\x09\x08"[:1], "y": [b"\x08", 1]}])
        self.assertEqual(read["ext_emit_unicode"].data, ["uni", "é€😀"])
        self.assertEqual(read["ext_enter_room"], p.EnterRoom("", "SID1", "room9", read["ext_enter_room"].host_id))
        self.assertEqual(read["ext_close_room"].room, "room9")
        self.assertEqual(read["srv_emit_callback"].callback, ("SID-ON-OTHER", "/", 1))
        reply = read["srv_callback_reply"]
        self.assertEqual((reply.sid, reply.id, reply.args), ("SID-ON-OTHER", 1, ["ackval"]))
        self.assertEqual(read["srv_disconnect"].sid, "SIDX")

    def test_each_is_written_as_it_was(self):
        for vector in vectors("python"):
            if vector.name.endswith("ext_emit_skip_list/1"):
                continue
            self.assertEqual(json.loads(p.encode_message(p.decode_message(vector.payload))), vector.value, vector.name)


class Versions(SynchronousTestCase):
    def test_pickles_are_refused_and_not_loaded(self):
        class Program:
            def __reduce__(self) -> Any:
                return (pickle_was_loaded, ())

        for protocol in (2, 3, 4, 5):
            error = self.assertRaises(p.PickleRefused, p.decode_message, pickle.dumps(Program(), protocol))
            self.assertIn("upgrade the publisher", str(error))

    def test_data_before_it_was_a_list_of_arguments(self):
        for raw, arguments in (({"a": 1}, [{"a": 1}]), ("x", ["x"]), (None, []), (0, [0]), ([1, 2], [1, 2])):
            self.assertEqual(decoded(method="emit", event="e", data=raw, namespace="/").data, ["e", *arguments])
        placeholder = {"_placeholder": True, "num": 0}
        for structure in (placeholder, [placeholder]):
            self.assertEqual(
                decoded(method="emit", event="e", binary=True, data=[structure, "AQ=="]).data, ["e", b"\x01"]
            )

    def test_no_rooms_are_nobody(self):
        self.assertEqual(decoded(method="emit", event="e", data=[], room=[]).rooms, ())
        self.assertIsNone(decoded(method="emit", event="e", data=[]).rooms)


def pickle_was_loaded() -> None:
    raise AssertionError("a pickle was loaded")


class RoundTrips(SynchronousTestCase):
    @modest
    @given(messages)
    def test_each_message_is_read_as_it_was_written(self, message):
        self.assertEqual(p.decode_message(p.encode_message(message)), message)

    def test_bytes_in_a_callback_are_refused(self):
        self.assertRaises(UnencodableValue, p.encode_message, p.Callback("h", "s", "", 1, [b"x"]))


class Hostile(SynchronousTestCase):
    def read(self, payload: bytes) -> None:
        try:
            p.decode_message(payload)
        except WireError as error:
            self.assertTrue(str(error))

    @modest
    @given(st.binary(max_size=100))
    def test_any_bytes(self, payload):
        self.read(payload)
        self.read(b'{"method":' + payload)

    @modest
    @given(
        st.sampled_from(["emit", "disconnect", "enter_room", "leave_room", "close_room", "callback", "x"]),
        st.dictionaries(
            st.sampled_from(
                ["event", "data", "binary", "namespace", "room", "skip_sid", "callback", "host_id", "sid", "id", "args"]
            ),
            resembling,
        ),
    )
    def test_what_resembles_messages(self, method, body):
        try:
            payload = json.dumps({"method": method, **body}).encode()
        except TypeError:
            return
        self.read(payload)

    def refused(self, words: str, **body: Any) -> None:
        self.assertIn(words, str(self.assertRaises(WireError, decoded, **body)))

    def test_what_is_no_message(self):
        self.refused("method", event="e")
        self.refused("unknown method", method="eval")
        self.refused("reserved", method="emit", event="disconnect", data=[])
        self.refused("no list", method="emit", event="e", binary=True, data={})
        self.refused("put together", method="emit", event="e", binary=True, data=[{}, "not base64!"])
        self.refused("put together", method="emit", event="e", binary=True, data=[{}, 7])
        bad = {"_placeholder": True, "num": 1}
        self.refused("put together", method="emit", event="e", binary=True, data=[bad, "AQ=="])
        self.refused("callback", method="emit", event="e", data=[], callback=["r", "/"])
        self.refused("namespace", method="disconnect", sid="s", namespace="chat")
        self.refused("sid", method="disconnect", namespace="/")
        self.refused("host_id", method="callback", sid="s", id=1, args=[])
        self.refused("args", method="callback", sid="s", id=1, host_id="h")
