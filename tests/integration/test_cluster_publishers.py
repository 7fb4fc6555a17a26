"""
Publishers that are no servers reach clients: @socket.io/redis-emitter, ours, python-socketio's and Flask-SocketIO's.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from tests.integration.cluster_case import ClusterCase, Mixed
from tests.integration.clusters import NodePeer, outward
from tests.processes import ROOT
from tests.processes import environment as python_environment
from txsocketio.redis import RedisEmitter
from txsocketio.redis.formats.python_socketio import DEFAULT_CHANNEL

VALUES = ["\u00e9 \U0001f600", 1.5, None, {"a": [b"\x00\xff", {"b": b""}]}]


class EmitterTests(Mixed):
    """
    What speaks the protocol of the servers reaches the clients of both.
    """

    async def check(self, emitter: Any) -> None:
        """
        Do with an emitter all that it can do.

        :param emitter: called with the name of a method, its arguments, and a target.
        """
        told: list[Any] = []
        self.io.of("/").on("news", lambda *args: told.append(args))
        await emitter("emit", "all", *VALUES)
        await emitter("socketsJoin", ["a", "b"], rooms=[self.ours, self.theirs])
        await emitter("emit", "one", b"\x01", rooms=["a"])
        await emitter("socketsLeave", ["b"], rooms=["a"], except_=[self.theirs])
        await emitter("emit", "several", rooms=["b", "none"])
        await emitter("emit", "others", except_=["b"])
        await emitter("serverSideEmit", "news", 1, {"a": None})
        self.assertEqual(await self.peer.order("server", event="news"), [1, {"a": None}])
        await emitter("emit", "end")
        for name in ("ours", "theirs"):
            await self.peer.next(name, "end")
        heard = await self.heard()
        every = [["all", *VALUES], ["one", b"\x01"]]
        self.assertEqual(heard["ours"], [*every, ["others"], ["end"]])
        self.assertEqual(heard["theirs"], [*every, ["several"], ["end"]])
        self.assertEqual(told, [(1, {"a": None})])
        for close in (False, True):
            sids = [await self.peer.client("ours-too", self.port), await self.peer.client("theirs-too")]
            await emitter("disconnectSockets", close, rooms=sids)
            for name in ("ours-too", "theirs-too"):
                self.assertEqual(await self.peer.next(name, "disconnect"), ["io server disconnect"])

    async def test_the_published_emitter(self) -> None:
        """
        @socket.io/redis-emitter does everything to clients of ours that it does to those of Node.js.
        """

        async def emitter(method: str, *args: Any, rooms: Any = None, except_: Any = None) -> None:
            await self.peer.order("emitter", method=method, args=list(args), rooms=rooms, **{"except": except_})

        await self.check(emitter)

    async def test_our_emitter(self) -> None:
        """
        RedisEmitter does so to clients of Node.js.
        """
        publisher = RedisEmitter(self.redis.url)
        self.addCleanup(publisher.close)
        ours = {
            "emit": "emit",
            "socketsJoin": "sockets_join",
            "socketsLeave": "sockets_leave",
            "disconnectSockets": "disconnect_sockets",
            "serverSideEmit": "server_side_emit",
        }

        async def emitter(method: str, *args: Any, rooms: Any = None, except_: Any = None) -> None:
            emission: Any = publisher
            if rooms is not None:
                emission = emission.to(rooms)
            if except_ is not None:
                emission = emission.except_(except_)
            await getattr(emission, ours[method])(*args)

        await self.check(emitter)

    async def test_emitters_of_other_namespaces(self) -> None:
        """
        What is for /chat is heard there.
        """
        publisher = RedisEmitter(self.redis.url)
        self.addCleanup(publisher.close)
        await self.peer.client("ours-chat", self.port, nsp="/chat")
        await self.peer.client("theirs-chat", nsp="/chat")
        await publisher.of("/chat").emit("said", 1)
        await self.peer.order("emitter", nsp="/chat", method="emit", args=["said", 2])
        for name in ("ours-chat", "theirs-chat"):
            self.assertEqual([await self.peer.next(name, "said") for _ in range(2)], [[1], [2]])
        self.assertEqual(await self.heard(), {"ours": [], "theirs": []})


class PythonPublisherTests(ClusterCase):
    """
    Two servers of ours listen to python-socketio's channel; each has a client in the root and one in /chat.
    """

    async def build(self, channel: str = DEFAULT_CHANNEL) -> None:
        self.redis = self.server(tcp=True).start()
        self.channel = channel
        starting = NodePeer.start({"port": self.redis.port}, key="another cluster")
        sites = [await self.serve(self.redis.url, python_socketio_channel=channel) for _ in range(2)]
        self.servers = [io for io, _ in sites]
        self.peer = await starting
        self.addCleanup(self.peer.stop)
        self.sids = {}
        for name, (_, port) in zip(("ann", "bob"), sites, strict=True):
            self.sids[name] = await self.peer.client(name, port, replies={"question": [name, 1]})
            self.sids[f"{name}-chat"] = await self.peer.client(f"{name}-chat", port, nsp="/chat")

    async def publish(self, kind: str, *calls: Any) -> Any:
        """
        Run a publisher.

        :return: what the calls gave.
        """
        job = outward({"kind": kind, "url": self.redis.url, "channel": self.channel, "calls": calls})
        out, error, status = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "tests.integration.python_publisher", json.dumps(job)],
            env=python_environment(),
            path=str(ROOT),
        )
        self.assertEqual(status, 0, error.decode())
        return json.loads(out)

    async def heard(self) -> dict[str, list[Any]]:
        """
        Give what all clients have heard, up to the event ``end``, in both namespaces.
        """
        for name in self.sids:
            await self.peer.next(name, "end")
        heard = {name: [event for event in await self.peer.heard(name) if event != ["end"]] for name in self.sids}
        return {name: events for name, events in heard.items() if events}

    async def check_events(self, kind: str, silent: str) -> None:
        """
        Publish events of every form.

        :param silent: what the publisher calls the parameter for who is left out.
        """
        await self.publish(
            kind,
            ["emit", ["one", {"a": 1}], {"namespace": "/"}],
            ["emit", ["binary", {"x": b"\t", "y": [b"\x08", 1]}], {"namespace": "/chat"}],
            ["emit", ["room", "text"], {"namespace": "/", "room": self.sids["ann"]}],
            ["emit", ["rooms", 1], {"namespace": "/", "room": list(self.sids.values())}],
            ["emit", ["not bob", 2], {"namespace": "/", silent: self.sids["bob"]}],
            ["emit", ["nobody", 2], {"namespace": "/", silent: [self.sids["ann"], self.sids["bob"]]}],
            ["emit", ["list", [1, 2]], {"namespace": "/"}],
            ["emit", ["elsewhere", 1], {"namespace": "/elsewhere"}],
            *[["emit", ["end", None], {"namespace": namespace}] for namespace in ("/", "/chat")],
        )
        chat = [["binary", {"x": b"\t", "y": [b"\x08", 1]}]]
        every = [["rooms", 1]]
        self.assertEqual(
            await self.heard(),
            {
                "ann": [["one", {"a": 1}], ["room", "text"], *every, ["not bob", 2], ["list", [1, 2]]],
                "bob": [["one", {"a": 1}], *every, ["list", [1, 2]]],
                "ann-chat": chat,
                "bob-chat": chat,
            },
        )

    async def test_events_of_the_write_only_manager(self) -> None:
        """
        python-socketio's RedisManager(write_only=True).
        """
        await self.build()
        await self.check_events("write_only", "skip_sid")

    async def test_events_of_the_write_only_asyncio_manager(self) -> None:
        """
        python-socketio's AsyncRedisManager(write_only=True), on a channel of its own name.
        """
        await self.build("another channel")
        await self.check_events("write_only_asyncio", "skip_sid")

    async def test_events_of_flask(self) -> None:
        """
        Flask-SocketIO's SocketIO(message_queue=...).
        """
        await self.build()
        await self.check_events("flask", "skip_sid")

    async def test_rooms_and_disconnecting(self) -> None:
        """
        Clients enter and leave rooms, rooms are closed, and clients are disconnected from a namespace.
        """
        await self.build()
        ann, bob = self.sids["ann"], self.sids["bob"]
        root = {"namespace": "/"}
        await self.publish(
            "write_only_asyncio",
            ["enter_room", [ann, "/", "a"], {}],
            ["enter_room", [bob, "/", "a"], {}],
            ["enter_room", [bob, "/", "b"], {}],
            ["emit", ["both", 1], {**root, "room": "a"}],
            ["leave_room", [ann, "/", "a"], {}],
            ["emit", ["bob", 2], {**root, "room": "a"}],
            ["close_room", ["a", "/"], {}],
            ["emit", ["nobody", 3], {**root, "room": "a"}],
            ["emit", ["still", 4], {**root, "room": "b"}],
            *[["emit", ["end", None], {"namespace": namespace}] for namespace in ("/", "/chat")],
        )
        self.assertEqual(await self.heard(), {"ann": [["both", 1]], "bob": [["both", 1], ["bob", 2], ["still", 4]]})
        await self.publish("write_only_asyncio", ["can_disconnect", [ann, "/"], {}])
        self.assertEqual(await self.peer.next("ann", "disconnect"), ["io server disconnect"])
        self.assertEqual(len(self.servers[1].mounts[""].local.members), 1)
        self.assertEqual(len(self.servers[0].mounts["/chat"].local.members), 1)

    async def test_a_server_is_called_back(self) -> None:
        """
        A python-socketio server calls a client of ours and gets its acknowledgement.
        """
        await self.build()
        [answer] = await self.publish("server", ["call", ["question", 7], {"to": self.sids["bob"], "timeout": 10}])
        self.assertEqual(answer, ["bob", 1])
        self.assertEqual(await self.peer.heard("bob"), [["question", 7]])
        self.assertEqual(await self.peer.heard("ann"), [])

    async def test_older_forms_and_what_is_wrong(self) -> None:
        """
        Messages of 5.14 have their data bare. A pickle is refused by name, once; everything malformed is dropped.
        """
        await self.build()
        common = {"method": "emit", "namespace": "/", "room": None, "skip_sid": None, "callback": None, "host_id": "x"}
        bare = [{"a": 1}, "text", None]
        for payload in (
            b"\x80\x04K\x01.",
            b"\x80\x04K\x02.",
            b"",
            b"null",
            b"{",
            b"[1]",
            b'{"method": "emit"}',
            b'{"method": "unheard of"}',
            json.dumps({**common, "event": "disconnect"}).encode(),
            json.dumps({**common, "event": "x", "room": {}}).encode(),
            json.dumps({**common, "event": "x", "callback": [1]}).encode(),
            json.dumps({**common, "event": "x", "binary": True, "data": [{"_placeholder": True, "num": 9}]}).encode(),
            *[json.dumps({**common, "event": "bare", "data": data}).encode() for data in bare],
            json.dumps({**common, "event": "end", "data": []}).encode(),
            json.dumps({**common, "event": "end", "data": [], "namespace": "/chat"}).encode(),
        ):
            self.redis.command("PUBLISH", self.channel, payload)
        every = [["bare", {"a": 1}], ["bare", "text"], ["bare"]]
        self.assertEqual(await self.heard(), {"ann": every, "bob": every})
        said = [line for line in self.logged() if "python-socketio's channel" in line]
        self.assertEqual(len([line for line in said if "pickle" in line]), 2, "one for each server")
        self.assertEqual(len(said), 4)
