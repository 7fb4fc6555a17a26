"""
Targets, names of rooms, and what other servers are told of a connection.
"""

import json

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.targets import (
    EVERYBODY,
    AdapterState,
    RemoteSocket,
    Target,
    check_rooms,
    describe_handshake,
    javascript_date,
    room_set,
)
from txsocketio.errors import UsageError
from txsocketio.transports.http.snapshot import HandshakeRequest


class Values(SynchronousTestCase):
    def test_they_do_not_change(self):
        for value, name in (
            (EVERYBODY, "rooms"),
            (RemoteSocket("a", {}, frozenset(), {}), "sid"),
            (AdapterState("up", 0.0), "status"),
        ):
            self.assertRaises(AttributeError, setattr, value, name, None)

    def test_everybody_is_all_rooms_and_nobody_left_out(self):
        self.assertEqual(EVERYBODY, Target(rooms=None, except_=frozenset(), volatile=False, local=False))


class Names(SynchronousTestCase):
    def test_a_name_alone_is_one_room_and_collections_are_many(self):
        self.assertEqual(check_rooms("a"), ("a",))
        self.assertEqual(check_rooms({"a"}), ("a",))
        self.assertEqual(check_rooms(iter(["a", "b"])), ("a", "b"))
        self.assertEqual(check_rooms([]), ())
        self.assertEqual(room_set(()), frozenset())
        self.assertEqual(room_set(("a", ["b", "c"], "a", ())), {"a", "b", "c"})

    def test_everything_else_is_refused(self):
        for rooms in (None, 7, b"a", ["a", 7], [b"a"]):
            self.assertRaises(UsageError, check_rooms, rooms)
            self.assertRaises(UsageError, room_set, (rooms,))
            self.assertRaises(UsageError, room_set, ("b", rooms))


class Socket:
    opened_at = 1795360860.25

    def __init__(self, **request):
        self.request = HandshakeRequest(**request)


class Handshakes(SynchronousTestCase):
    def test_it_has_the_shape_that_node_gives_it(self):
        socket = Socket(
            uri=b"/socket.io/?EIO=4&transport=websocket&a=1&a=2",
            headers={"Host": ["x"], "Cookie": ["a=1", "b=2"], "Accept": ["y", "z"], "Origin": ["http://x"]},
            client=IPv4Address("TCP", "127.0.0.1", 80),
            secure=True,
        )
        self.assertEqual(
            describe_handshake(socket, {"token": 1}),
            {
                "headers": {"host": "x", "cookie": "a=1; b=2", "accept": "y, z", "origin": "http://x"},
                "time": "Sun Nov 22 2026 15:21:00 GMT+0000 (Coordinated Universal Time)",
                "address": "127.0.0.1",
                "xdomain": True,
                "secure": True,
                "issued": 1795360860250,
                "url": "/socket.io/?EIO=4&transport=websocket&a=1&a=2",
                "query": {"EIO": "4", "transport": "websocket", "a": "2"},
                "auth": {"token": 1},
            },
        )

    def test_whatever_was_sent_can_be_written_as_json(self):
        socket = Socket(uri=b"/\xff?%ff=%fe&=", headers={b"X-E": [b"\xff"]})
        described = json.loads(json.dumps(describe_handshake(socket, None)))
        self.assertEqual(described["auth"], {})
        self.assertEqual((described["address"], described["xdomain"], described["secure"]), ("", False, False))
        self.assertEqual(described["query"]["\ufffd"], "\ufffd")

    def test_dates_are_english(self):
        self.assertEqual(javascript_date(0), "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)")
