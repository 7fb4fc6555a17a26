"""
A cluster of one server of ours and one of Node.js with @socket.io/redis-adapter: whatever one does, the other's clients
see, once.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import gatherResults

from tests.integration.cluster_case import Mixed
from txsocketio.errors import AdapterError, BroadcastTimeout

#: What a cluster carries: text, numbers, nothing, nesting, bytes.
VALUES = [1, -2.5, "\u00e9 \U0001f600", None, True, {"a": [1, {"b": "c"}], "n": None}, 2**53 - 1, "", b"\x00\xff", b""]


class MixedClusterTests(Mixed):
    async def test_events_reach_everybody_once(self) -> None:
        """
        Whoever emits, each client gets the same values, text and binary.
        """
        for actor in self.actors:
            await actor.emit("said", *VALUES, {"deep": [b"\x01", [b"\x02"]]})
        wanted = [["said", *VALUES, {"deep": [b"\x01", [b"\x02"]]}]] * 2
        self.assertEqual(await self.heard(), {"ours": wanted, "theirs": wanted})

    async def test_rooms_reach_each_client_once(self) -> None:
        """
        One room, which has a channel of its own, several that overlap, a sid, and a room that nobody is in.
        """
        await self.peer.order("ask", name="ours", args=["join", "one"])
        await self.peer.order("ask", name="theirs", args=["join", "one"])
        await self.peer.order("ask", name="theirs", args=["join", "t\u00fc"])
        for actor in self.actors:
            await actor.emit("one", rooms=["one"])
            await actor.emit("both", rooms=["one", "t\u00fc"])
            await actor.emit("two", rooms=["t\u00fc"])
            await actor.emit("none", rooms=["nobody"])
            await actor.emit("sid", b"x", rooms=[self.ours])
            await self.settle()
        heard = await self.heard()
        self.assertEqual(heard["ours"], [["one"], ["both"], ["sid", b"x"]] * 2)
        self.assertEqual(heard["theirs"], [["one"], ["both"], ["two"]] * 2)

    async def test_rooms_and_sids_are_left_out(self) -> None:
        """
        What is excepted is left out on both sides, whether it is a room or a sid.
        """
        await self.peer.order("ask", name="theirs", args=["join", "quiet"])
        for actor in self.actors:
            await actor.emit("not quiet", except_=["quiet"])
            await actor.emit("not ours", except_=[self.ours])
            await actor.emit("nobody", except_=[self.ours, "quiet"])
            await actor.emit("room", rooms=["quiet"], except_=[self.ours])
            await self.settle()
        heard = await self.heard()
        self.assertEqual(heard["ours"], [["not quiet"]] * 2)
        self.assertEqual(heard["theirs"], [["not ours"], ["room"]] * 2)

    async def test_volatile_events_reach_who_is_writable(self) -> None:
        """
        Idle connections are.
        """
        for actor in self.actors:
            await actor.emit("tick", 1, volatile=True)
            await self.settle()
        heard = await self.heard()
        self.assertEqual(heard, {"ours": [["tick", 1]] * 2, "theirs": [["tick", 1]] * 2})

    async def test_local_events_stay(self) -> None:
        """
        What is for one process does not leave it.
        """
        for actor in self.actors:
            await actor.emit("here", local=True)
        self.assertEqual(await self.heard(), {"ours": [["here"]], "theirs": [["here"]]})

    async def test_events_keep_their_order(self) -> None:
        """
        A server's events arrive everywhere in the order in which it sent them, whatever channel they took.
        """
        for name in ("ours", "theirs"):
            await self.peer.order("ask", name=name, args=["join", "room"])
        for actor in self.actors:
            rooms = [None, ["room"], ["room", "other"]]
            await gatherResults([actor.emit(actor.name, index, rooms=rooms[index % 3]) for index in range(150)])
        heard = await self.heard()
        for client in ("ours", "theirs"):
            for actor in self.actors:
                got = [event[1] for event in heard[client] if event[0] == actor.name]
                self.assertEqual(got, list(range(150)), f"{client} of {actor.name}")

    async def test_namespaces_do_not_mix(self) -> None:
        """
        An event of one namespace is not heard in another.
        """
        for name, port in (("ours-chat", self.port), ("theirs-chat", None)):
            await self.peer.client(name, port, nsp="/chat")
        for actor in self.actors:
            await actor.emit("chat", nsp="/chat")
            await actor.emit("root")
        heard = await self.heard()
        self.assertEqual(heard, {"ours": [["root"]] * 2, "theirs": [["root"]] * 2})
        for name in ("ours-chat", "theirs-chat"):
            self.assertEqual(await self.peer.heard(name), [["chat"]] * 2)

    async def test_sockets_join_and_leave_wherever_they_are(self) -> None:
        """
        Who is moved is in the room, or out of it, on its own server.
        """
        for actor in self.actors:
            await actor.join(["x", "y"], rooms=[self.ours, self.theirs])
            await self.settle()
            await actor.emit("x", rooms=["x"])
            await actor.leave(["x"], rooms=["y"], except_=[self.theirs])
            await self.settle()
            await actor.emit("x again", rooms=["x"])
            await actor.leave(["x", "y"])
            await self.settle()
            await actor.emit("nobody", rooms=["x", "y"])
        heard = await self.heard()
        self.assertEqual(heard["ours"], [["x"]] * 2)
        self.assertEqual(heard["theirs"], [["x"], ["x again"]] * 2)

    async def test_sockets_are_disconnected_wherever_they_are(self) -> None:
        """
        From their namespace, or altogether; each client is told that the server did it.
        """
        for actor in self.actors:
            for close in (False, True):
                sids = [
                    await self.peer.client("ours-too", self.port),
                    await self.peer.client("theirs-too"),
                ]
                await actor.disconnect(close, rooms=sids)
                for name in ("ours-too", "theirs-too"):
                    self.assertEqual(await self.peer.next(name, "disconnect"), ["io server disconnect"])
        self.assertEqual(await self.heard(), {"ours": [], "theirs": []})

    async def test_sockets_are_fetched_from_everywhere(self) -> None:
        """
        With their rooms, their data and their handshake.
        """
        for name in ("ours", "theirs"):
            await self.peer.order("ask", name=name, args=["join", f"room of {name}"])
            await self.peer.order("ask", name=name, args=["data", {"name": name, "more": [1, {"a": None}]}])
        for actor in self.actors:
            found = {socket["id"]: socket for socket in await actor.fetch()}
            self.assertEqual(found.keys(), {self.ours, self.theirs})
            for name, sid in (("ours", self.ours), ("theirs", self.theirs)):
                self.assertEqual(found[sid]["rooms"], {f"room of {name}"})
                self.assertEqual(found[sid]["data"], {"name": name, "more": [1, {"a": None}]})
                handshake = found[sid]["handshake"]
                self.assertEqual(handshake["auth"], {"token": name})
                self.assertEqual(handshake["query"]["transport"], "websocket")
                self.assertIn("host", handshake["headers"])
                self.assertIsInstance(handshake["issued"], int)
                self.assertIs(handshake["secure"], False)
            self.assertEqual([one["id"] for one in await actor.fetch(rooms=["room of ours"])], [self.ours])
            self.assertEqual([one["id"] for one in await actor.fetch(except_=[self.ours])], [self.theirs])
            self.assertEqual(await actor.fetch(rooms=["nobody"]), [])

    async def test_bytes_in_data_are_what_javascript_makes_of_them(self) -> None:
        """
        Descriptions travel as JSON, where bytes have no form of their own.
        """
        self.namespace(self.ours).data["bytes"] = b"\x01\x02"
        [found] = await self.node.fetch(rooms=[self.ours])
        self.assertEqual(found["data"], {"bytes": {"type": "Buffer", "data": [1, 2]}})

    async def test_data_that_cannot_travel_hides_nobody(self) -> None:
        """
        A client with such data is found, without it.
        """
        self.namespace(self.ours).data["self"] = self
        found = {socket["id"]: socket for socket in await self.node.fetch()}
        self.assertEqual(found.keys(), {self.ours, self.theirs})
        self.assertEqual(found[self.ours]["data"], {})
        self.assertEqual(len([line for line in self.logged() if "the data of a client" in line]), 1)

    async def test_rooms_are_collected_from_everywhere(self) -> None:
        """
        Node.js counts sids among the rooms.
        """
        for name in ("ours", "theirs"):
            await self.peer.order("ask", name=name, args=["join", f"room of {name}"])
        for actor in self.actors:
            rooms = await actor.rooms()
            self.assertEqual(rooms - {self.ours}, {"room of ours", "room of theirs", self.theirs})

    async def test_servers_are_counted(self) -> None:
        """
        Each counts both.
        """
        for actor in self.actors:
            self.assertEqual(await actor.count(), 2)

    async def test_servers_tell_each_other(self) -> None:
        """
        An event for servers is heard by the others, and not by the one that sent it, nor by clients.
        """
        told: list[Any] = []
        self.io.of("/").on("news", lambda *args: told.append(args))
        await self.us.tell("news", 1, {"a": None})
        self.assertEqual(await self.peer.order("server", event="news"), [1, {"a": None}])
        await self.node.tell("news", "two", [2])
        await self.settle()
        self.assertEqual(told, [("two", [2])])
        self.assertEqual(await self.heard(), {"ours": [], "theirs": []})

    async def test_servers_ask_each_other(self) -> None:
        """
        And get an answer from each of the others, now or later.
        """
        await self.peer.order("answer", event="question", value={"b": [2]})
        self.assertEqual(await self.us.ask("question", "how many?"), [{"b": [2]}])
        self.assertEqual(await self.peer.order("server", event="question"), ["how many?"])

        async def later(*args: Any) -> Any:
            await self.settle()
            return ["answer", *args]

        self.io.of("/").on("question", later)
        self.assertEqual(await self.node.ask("question", 1), [["answer", 1]])

    async def test_servers_that_do_not_answer_are_not_waited_for_without_end(self) -> None:
        """
        The call fails after its time, with what has come.
        """
        failure = await self.failure_of(self.io.of("/").timeout(0.3).server_side_call("question"), AdapterError)
        self.assertEqual(failure.answers, [])
        self.assertIn("0 of 1 other servers", str(failure))

    async def test_clients_everywhere_acknowledge(self) -> None:
        """
        Each client is asked once, and its answer comes back, text and binary.
        """
        for actor in self.actors:
            answers = await actor.acks("question", 7, b"\x07")
            self.assertEqual(sorted(answers, key=str), sorted(["ours", {"theirs": b"\x00\xff"}], key=str))
            self.assertEqual(await actor.acks("question", rooms=[self.ours]), ["ours"])
            self.assertEqual(await actor.acks("question", rooms=[self.theirs]), [{"theirs": b"\x00\xff"}])
            self.assertEqual(await actor.acks("question", rooms=["nobody"]), [])
        heard = await self.heard()
        wanted = [["question", 7, b"\x07"], ["question"]] * 2
        self.assertEqual(heard, {"ours": wanted, "theirs": wanted})

    async def test_missing_acknowledgements_end_the_waiting(self) -> None:
        """
        Whoever asked gets those that came.
        """
        await self.peer.client("silent", self.port)
        error = await self.failure_of(self.io.of("/").timeout(0.5).broadcast_call("question"), BroadcastTimeout)
        self.assertEqual(len(error.answers), 2)
        result = await self.peer.order("acks", args=["question"], flags={"timeout": 500})
        self.assertIn("timed out", result["error"])
        self.assertEqual(len(result["responses"]), 2)

    async def test_one_remote_socket_is_reached(self) -> None:
        """
        What fetch_sockets gives reaches a client of Node.js as one of ours.
        """
        [theirs] = [socket for socket in await self.io.of("/").fetch_sockets() if socket.sid == self.theirs]
        theirs.emit("for you", 1)
        self.assertEqual(await theirs.call("question", timeout=5), {"theirs": b"\x00\xff"})
        theirs.join("club")
        await self.settle()
        await self.node.emit("club", rooms=["club"])
        theirs.leave("club")
        await self.settle()
        await self.node.emit("nobody", rooms=["club"])
        self.assertEqual(await self.heard(), {"ours": [], "theirs": [["for you", 1], ["question"], ["club"]]})
        theirs.disconnect()
        self.assertEqual(await self.peer.next("theirs", "disconnect"), ["io server disconnect"])


class OwnChannelsTests(Mixed):
    """
    Each server is answered on a channel of its own, by both sides.
    """

    job = {"specific": True}
    options = {"own_response_channels": True}

    async def test_answers_arrive(self) -> None:
        """
        Those of servers and those of clients.
        """
        await self.peer.order("answer", event="question", value=2)
        self.io.of("/").on("question", lambda: 1)
        self.assertEqual(await self.us.ask("question"), [2])
        self.assertEqual(await self.node.ask("question"), [1])
        for actor in self.actors:
            self.assertEqual({one["id"] for one in await actor.fetch()}, {self.ours, self.theirs})
            self.assertEqual(len(await actor.acks("question")), 2)
            self.assertIn(self.theirs, await actor.rooms())


class OtherLibraryTests(Mixed):
    """
    The reference server uses ioredis, and another key.
    """

    job = {"library": "ioredis", "key": "my app"}
    options = {"key": "my app"}

    async def test_everything_arrives(self) -> None:
        """
        Events and requests, both ways.
        """
        for actor in self.actors:
            await actor.emit("said", *VALUES)
            self.assertEqual(await actor.count(), 2)
            self.assertEqual(len(await actor.acks("question")), 2)
            self.assertEqual({one["id"] for one in await actor.fetch()}, {self.ours, self.theirs})
        wanted = [["said", *VALUES], ["question"]] * 2
        self.assertEqual(await self.heard(), {"ours": wanted, "theirs": wanted})


class OtherKeyTests(Mixed):
    """
    Two clusters on one Redis.
    """

    job = {"key": "theirs"}
    options = {"key": "ours"}

    async def test_clusters_with_different_keys_do_not_meet(self) -> None:
        """
        Neither events nor counts.
        """
        for actor in self.actors:
            await actor.emit(actor.name)
            self.assertEqual(await actor.count(), 1)
        # What comes after them, over Redis.
        for key, client in (("ours", "ours"), ("theirs", "theirs")):
            await self.peer.order("emitter", key=key, method="emit", args=["end"])
            await self.peer.next(client, "end")
        self.assertEqual(await self.peer.heard("ours"), [["us"], ["end"]])
        self.assertEqual(await self.peer.heard("theirs"), [["node"], ["end"]])
