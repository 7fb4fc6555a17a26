"""
The scenarios of python-socketio's clients, by the names in ``table.py``; ``python_client.py`` runs them.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any
from urllib.parse import urlencode

from tests.integration.python_peer import Context, Peer

LIMIT = 3_000_000
LOST = ("transport error", "transport close")
TEXTS = [
    "h\u00e9",
    "\U0001f600 \U0001f469\u200d\U0001f4bb \U0001d11e",
    "\u2028\u2029\0\x01\x1e\x7f\x80",
    '"\\ \\n \n \r\n \t / </script>',
    "\ufffd7\ufffd\uffff\ue000 a\u0301 \u202e",
    "\U0001f600" * 3000,
]


def data(size: int, seed: int = 0) -> bytes:
    return bytes((index * 31 + (index >> 8) + seed) & 255 for index in range(size))


def equal(got: Any, wanted: Any, what: str) -> None:
    assert got == wanted, f"{what}: wanted {wanted!r:.200}, got {got!r:.200}"


def one_of(got: Any, wanted: Any, what: str) -> None:
    assert got in wanted, f"{what}: wanted one of {wanted!r}, got {got!r}"


async def connect(t: Context) -> None:
    query = urlencode({"colour": "bl\u00fce&="})
    peer = await t.peer().connect(f"{t.url()}?{query}", "/")
    equal(await peer.ask("echo", "hello"), ["hello"], "echo")
    equal(await peer.ask("query", "colour"), ["bl\u00fce&="], "the handshake's query")
    expected = "polling" if t.transport == "polling" else "websocket"
    equal(await peer.ask("transport"), [expected], "transport")


async def refuse(t: Context) -> None:
    peer = await t.peer().connect(t.url(), "/", "/refuse", "/nowhere", wait=False)
    refusal = {"message": "not today", "data": {"why": "closed", "until": 7}}
    equal(await peer.refused["/refuse"], refusal, "refusal with data")
    equal(await peer.refused["/nowhere"], {"message": "Invalid namespace"}, "refusal of an unknown namespace")
    await peer.connected["/"].wait()
    equal(await peer.ask("echo", 1), [1], "the root after the refusals")
    wrong = await t.peer().connect(t.url(), "/auth", auth={"token": "wrong"}, wait=False)
    equal(await wrong.refused["/auth"], {"message": "not authorized"}, "refusal")


async def auth(t: Context) -> None:
    given = {"token": "sesame", "name": "J\u00fcrgen \U0001f600 &=?,"}
    peer = await t.open("/auth", auth=given)
    equal(await peer.ask("whoami", namespace="/auth"), [given], "auth as the server sees it")


async def acks_from_the_server(t: Context) -> None:
    peer = await t.open()
    for args in ([], [1], [None], [[]], [[1, 2]], ["a", {"b": [1, None]}, False], [{}, "", 0]):
        equal(await peer.ask("echo", *args), args, f"ack of {len(args)}")
    order: list[str] = []

    async def later(seconds: float, value: str) -> None:
        order.extend(await peer.ask("later", seconds, value))

    await asyncio.gather(later(0.4, "late"), later(0.01, "soon"))
    equal(order, ["soon", "late"], "acks as their results come")


async def acks_from_the_client(t: Context) -> None:
    peer = await t.open()
    peer.on("question", lambda *args: args)
    for args in ([], [1], [None], [[1, 2]], ["a", {"b": [1, None]}, False]):
        equal(await peer.ask("ask", "question", *args), [args], f"ack of {len(args)}")
    answers = await asyncio.gather(*(peer.ask("ask", "question", index) for index in range(10)))
    equal(answers, [[[index]] for index in range(10)], "each ack finds its question")


async def unicode(t: Context) -> None:
    peer = await t.open()
    for text in TEXTS:
        equal(await peer.ask("echo", text, {text[:20]: text}), [text, {text[:20]: text}], "echo")
    back = await peer.next("repeated")
    await peer.emit("repeat", *TEXTS)
    equal(await back, TEXTS, "events")
    name = "\U0001f600 \u00e9v\u00e9nement"
    peer.on(name, lambda text: text)
    equal(await peer.ask("ask", name, TEXTS[1]), [[TEXTS[1]]], "name of an event")


async def lone_surrogates(t: Context) -> None:
    peer = await t.open()
    equal(await peer.ask("echo", "\ud83d", "x\ude00y"), ["\ud83d", "x\ude00y"], "echo")


async def binary(t: Context) -> None:
    peer = await t.open()
    for given in (data(256), data(1), b"", data(70_000)):
        back = await peer.next("repeated")
        await peer.emit("repeat", given)
        equal(await back, [given], f"{len(given)} bytes")
    two = await peer.next("repeated")
    await peer.emit("repeat", data(300), "between", data(5, 7), [data(4)])
    equal(await two, [data(300), "between", data(5, 7), [data(4)]], "several attachments")


async def binary_nested_and_in_acks(t: Context) -> None:
    peer = await t.open()
    value = {"list": [data(3), {"deep": {"er": data(4, 9)}}, None], "number": 1.5, "text": "\U0001f600"}
    equal(await peer.ask("echo", value, data(5)), [value, data(5)], "ack of the server")
    peer.on("question", lambda given: (given, data(6), {"more": given}))
    equal(await peer.ask("ask", "question", value), [[value, data(6), {"more": value}]], "ack of the client")


async def binary_of_1_mib(t: Context) -> None:
    peer = await t.open()
    given = data(1 << 20, 3)
    back = await peer.next("repeated")
    await peer.emit("repeat", given)
    equal(await back, [given], "event")
    equal(await peer.ask("echo", {"nested": given}), [{"nested": given}], "ack")


async def messages_up(t: Context) -> None:
    peer = await t.open()
    for index in range(1000):
        await peer.emit("seq", index, *([data(10)] if index % 100 == 50 else []))
    equal(await peer.ask("seen"), [1000, True], "count, and whether in order")


async def messages_down(t: Context) -> None:
    peer = await t.open()
    seen = peer.collect("tick")
    equal(await peer.ask("count", 1000), [1000], "the ack")
    equal(seen, [(index,) for index in range(1000)], "all before the ack")


async def upgrade_under_traffic(t: Context) -> None:
    # This client's connect() returns when the upgrade is over: under way are the connects of the namespaces.
    peer = await t.open("/", "/chat")
    seen = peer.collect("tick")
    stream = asyncio.ensure_future(peer.ask("stream", 400, 0.001))
    for index in range(300):
        await peer.emit("seq", index, *([data(30)] if index % 20 == 7 else []))
    equal(await peer.ask("seen"), [300, True], "what went up: count, and whether in order")
    await stream
    equal(seen, [(index,) for index in range(400)], "what came down")
    equal(await peer.ask("transport"), ["websocket"], "the transport")


async def two_namespaces(t: Context) -> None:
    peer = await t.open("/", "/chat")
    [root_sid, root_engine], [chat_sid, chat_engine] = await peer.ask("ids"), await peer.ask("ids", namespace="/chat")
    equal(chat_engine, root_engine, "one connection")
    assert root_sid != chat_sid, "the namespaces have the same id"
    heard = {name: peer.collect("repeated", name) for name in ("/", "/chat")}
    await peer.emit("repeat", "one")
    await peer.emit("repeat", "two", namespace="/chat")
    equal(await asyncio.gather(peer.ask("echo", 1), peer.ask("echo", 2, namespace="/chat")), [[1], [2]], "acks")
    equal(heard, {"/": [("one",)], "/chat": [("two",)]}, "events")
    tag = await t.tagged(peer, "/chat")
    await peer.emit("kick", namespace="/chat")
    equal(await peer.closed["/chat"], "server disconnect", "reason on the client")
    equal(await peer.ask("reason", tag), ["server namespace disconnect"], "reason on the server")
    equal(await peer.ask("echo", "alive"), ["alive"], "the other namespace")


async def rooms(t: Context) -> None:
    room = f"r\u00f6\u00f6m-{random.random()}"
    peers = [await t.open() for _ in range(3)]
    said = [peer.collect("said") for peer in peers]
    first, second, third = peers

    async def quiet() -> None:
        await first.ask("echo")
        await asyncio.gather(*(peer.ask("echo") for peer in peers))

    await first.ask("join", room)
    await second.ask("join", room)
    await first.emit("shout", room, "not me")
    await quiet()
    equal(said, [[], [("not me",)], []], "to the room except oneself")
    await first.emit("announce", room, "all", {"of": "you"})
    await quiet()
    equal(said, [[("all", {"of": "you"})], [("not me",), ("all", {"of": "you"})], []], "to the whole room")
    await second.ask("leave", room)
    await third.emit("announce", room, "left over")
    await third.ask("echo")
    await quiet()
    equal([len(heard) for heard in said], [2, 2, 0], "after one has left")


async def server_disconnects(t: Context) -> None:
    peer = await t.open()
    tag = await t.tagged(peer)
    await peer.emit("kick")
    equal(await peer.closed["/"], "server disconnect", "reason on the client")
    equal(await t.reason(tag), "server namespace disconnect", "reason on the server")


async def server_closes(t: Context) -> None:
    peer = await t.open("/", "/chat")
    tags = [await t.tagged(peer, name) for name in ("/", "/chat")]
    await peer.emit("drop")
    # The end of the connection may overtake the last messages in this client, which handles them apart.
    for name in ("/", "/chat"):
        one_of(await peer.closed[name], ("server disconnect", *LOST), f"reason on the client in {name}")
    for tag in tags:
        one_of(await t.reason(tag), ("server namespace disconnect", "forced server close"), "reason on the server")


async def client_disconnects(t: Context) -> None:
    # This client closes its transport without waiting until the packet that says so has left.
    peer = await t.open(server="brisk")
    tag = await t.tagged(peer)
    await all_posted(peer)
    await peer.disconnect()
    equal(await peer.closed["/"], "client disconnect", "reason on the client")
    one_of(await t.reason(tag, "brisk"), ("client namespace disconnect", "transport close"), "reason on the server")


async def client_closes(t: Context) -> None:
    peer = await t.open()
    tag = await t.tagged(peer)
    await all_posted(peer)
    await close_engine(peer)
    equal(await t.reason(tag), "transport close", "reason on the server")


async def all_posted(peer: Peer) -> None:
    # A client that is told to leave while a POST of its own is unanswered sends nothing any more.
    queue = peer.face.client.eio.queue
    if asyncio.iscoroutinefunction(queue.join):
        await queue.join()
    else:
        await asyncio.to_thread(queue.join)


async def close_engine(peer: Peer) -> None:
    engine = peer.face.client.eio
    if asyncio.iscoroutinefunction(engine.disconnect):
        await engine.disconnect()
    else:
        await asyncio.to_thread(engine.disconnect)


async def heartbeats(t: Context) -> None:
    peer = await t.open(server="brisk")
    await asyncio.sleep(4)
    assert not peer.closed["/"].done(), f"closed: {peer.closed['/']!r}"
    equal(await peer.ask("echo", 1), [1], "echo")


async def client_silent(t: Context) -> None:
    relay = await t.relay("brisk")
    peer = await t.open(server=relay.port)
    tag = await t.tagged(peer)
    relay.silent = True
    equal(await t.reason(tag, "brisk"), "ping timeout", "reason on the server")


async def server_silent(t: Context) -> None:
    relay = await t.relay("brisk")
    peer = await t.open(server=relay.port)
    relay.silent = True
    one_of(await peer.closed["/"], LOST, "reason on the client")


async def reconnect(t: Context) -> None:
    relay = await t.relay("main")
    peer = await t.open(server=relay.port, reconnection=True, reconnection_delay=0.05)
    tag = await t.tagged(peer)
    [before, _] = await peer.ask("ids")
    peer.connected["/"].clear()
    await asyncio.sleep(0.1)
    await relay.cut()
    one_of(await peer.closed["/"], LOST, "reason on the client")
    one_of(await t.reason(tag), LOST, "reason on the server")
    await peer.connected["/"].wait()
    [after, _] = await peer.ask("ids")
    assert before != after, "the new connection has the old id"
    equal(await peer.ask("echo", "again"), ["again"], "echo")


async def near_the_limit(t: Context) -> None:
    peer = await t.open()
    text = "x" * (LIMIT - 1000)
    assert await peer.ask("echo", text) == [text], "came back changed"


async def over_the_limit(t: Context) -> None:
    # By polling this client learns of the refusal when its poll ends, with a ping or with the end that its silence
    # brings about, and leaves without a word.
    peer = await t.open(server="brisk")
    tag = await t.tagged(peer)
    await peer.emit("seq", "x" * (LIMIT + 1000))
    one_of(await peer.closed["/"], (*LOST, "server disconnect"), "reason on the client")
    one_of(await t.reason(tag, "brisk"), (*LOST, "ping timeout"), "reason on the server")
    equal(await (await t.open()).ask("echo", 1), [1], "the next connection")


SCENARIOS = {
    "connect": connect,
    "refuse": refuse,
    "auth": auth,
    "acks from the server": acks_from_the_server,
    "acks from the client": acks_from_the_client,
    "unicode": unicode,
    "lone surrogates": lone_surrogates,
    "binary": binary,
    "binary nested and in acks": binary_nested_and_in_acks,
    "binary of 1 MiB": binary_of_1_mib,
    "1,000 messages up": messages_up,
    "1,000 messages down": messages_down,
    "upgrade under traffic": upgrade_under_traffic,
    "two namespaces": two_namespaces,
    "rooms": rooms,
    "server disconnects": server_disconnects,
    "server closes the connection": server_closes,
    "client disconnects": client_disconnects,
    "client closes the connection": client_closes,
    "heartbeats keep it open": heartbeats,
    "client falls silent": client_silent,
    "server falls silent": server_silent,
    "reconnect": reconnect,
    "message near the limit": near_the_limit,
    "message over the limit": over_the_limit,
}
PATIENT = frozenset({"message over the limit", "heartbeats keep it open", "client falls silent", "server falls silent"})
