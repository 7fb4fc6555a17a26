"""
The parts of the documentation that are made from the code and from data files: each function gives lines of reST.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from zope.interface import Attribute, Interface
from zope.interface.interface import InterfaceClass, Method

import txsocketio.interfaces
from txsocketio.errors import HANDSHAKE_MESSAGES, EncodeError, HandshakeError
from txsocketio.protocol.encoded import EncodedControl, EncodedPacket
from txsocketio.protocol.generations import REVISION_PARAMETER, Generation, GenerationTable
from txsocketio.protocol.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, MESSAGE, Packet
from txsocketio.support.options import GENERATIONS, EngineOptions, SocketOptions
from txsocketio.support.private_names import PRIVATE_NAMES
from txsocketio.tap import Options

DOCS = Path(__file__).resolve().parent
NAMES = DOCS / "reference" / "names.toml"
DIFFERENCES = DOCS / "howto" / "differences.toml"
#: Where a run of the tests leaves the table of clients; see the Makefile.
CLIENTS = DOCS / "_build" / "clients.txt"

#: What tests.integration.test_browser writes.
PICTURE = DOCS / "images" / "demo.png"

RECORDS = {"EngineOptions": EngineOptions, "SocketOptions": SocketOptions}


def load(path: Path) -> list[dict[str, str]]:
    """
    Read the entries of a data file, which are all of one kind.
    """
    ((_, entries),) = tomllib.loads(path.read_text("utf-8")).items()
    return list(entries)


def list_table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: str) -> Iterator[str]:
    """
    Give a list-table; cells are reST.
    """
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "   :class: wrapped", "")
    for row in (head, *rows):
        for mark, cell in zip("*" + " " * (len(row) - 1), row, strict=True):
            first, *more = cell.splitlines() or [""]
            yield f"   {mark} - {first}"
            yield from (f"       {line}" for line in more)
    yield ""


def literal(text: str) -> str:
    """
    Show bytes or code as they are.
    """
    return f"``{text}``" if text.strip() else ""


def shown_default(value: object) -> str:
    """
    Show the default of an option as one would write it.
    """
    return f"{value:_}" if type(value) is int else repr(value)


def field_texts(cls: type) -> dict[str, str]:
    """
    Read what the docstring of a class says of its fields.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    found = re.findall(r"^:ivar (\w+): (.*(?:\n .*)*)", text, re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in found}


def options(record: str) -> Iterator[str]:
    """
    List the options of one record with their defaults.
    """
    cls = RECORDS[record]
    texts = field_texts(cls)
    rows = [(literal(field.name), literal(shown_default(field.default)), texts[field.name]) for field in fields(cls)]
    return list_table(("option", "default", "meaning"), rows, "26 20 54")


def command_line() -> Iterator[str]:
    """
    List the options of ``twistd socketio``.
    """
    parsed = Options()
    yield from ("``twistd socketio`` " + literal(Options.synopsis), "", Options.longdesc, "")
    # In the order of --help, without what every command of twistd has.
    names = [name.rstrip("=") for name in parsed.longOpt if name.rstrip("=") in parsed.docs]
    for name in sorted(name for name in names if name not in ("help", "version", "rcfile")):
        takes_value = f"{name}=" in parsed.longOpt
        default = dict((row[0], row[2]) for row in Options.optParameters).get(name)
        yield f"``--{name}{'=' if takes_value else ''}``"
        # An asterisk is one, and no emphasis.
        yield "   " + parsed.docs[name].replace("*", r"\*") + ("" if default is None else f" [default: {default}]")
        yield ""


def interfaces() -> Iterator[str]:
    """
    Document every public Interface.
    """
    for name, interface in vars(txsocketio.interfaces).items():
        if isinstance(interface, InterfaceClass) and interface is not Interface:
            yield from (f".. py:class:: {name}", "")
            yield from indented(interface.__doc__ or "")
            for member, description in interface.namesAndDescriptions():
                yield from (f"   {line}" for line in member_lines(member, description))


def member_lines(name: str, description: Attribute) -> Iterator[str]:
    """
    Document a member of an Interface.
    """
    if isinstance(description, Method):
        parts = [part for part in description.getSignatureString().strip("()").split(", ") if part]
        yield f".. py:method:: {name}({', '.join(parts)})"
    else:
        yield f".. py:attribute:: {name}"
    # Interfaces know each other by bare names; here they are in one module.
    yield from ("   :no-index-entry:", "", *indented(description.__doc__ or ""))


def indented(text: str) -> Iterator[str]:
    """
    Put a docstring below what it belongs to.
    """
    yield from textwrap.indent(inspect.cleandoc(text), "   ").splitlines()
    yield ""


def names() -> Iterator[str]:
    """
    List gevent-socketio's names that there are, with their meaning and their test.
    """
    rows = [(code(entry["name"]), entry["meaning"], test_of(entry)) for entry in load(NAMES) if "test" in entry]
    return list_table(("name", "meaning", "test"), rows, "22 50 28")


def migration() -> Iterator[str]:
    """
    List gevent-socketio's names, with what became of them.
    """
    rows = [(code(entry["name"]), entry["mark"], entry.get("change", "")) for entry in load(NAMES)]
    return list_table(("name", "", "what differs, or what there is instead"), rows, "28 12 60")


def differences() -> Iterator[str]:
    """
    List what behaves differently from gevent-socketio.
    """
    rows = [(entry["what"], entry["now"], test_of(entry)) for entry in load(DIFFERENCES)]
    return list_table(("gevent-socketio", "txsocketio", "test"), rows, "30 44 26")


def code(names: str) -> str:
    """
    Show names, and words among them, as code.
    """
    return names if " convention" in names else ", ".join(f"``{name}``" for name in re.split(r", (?![^(]*\))", names))


def test_of(entry: dict[str, str]) -> str:
    """
    Show the test of an entry in lines that fit a cell.
    """
    return "\n".join(f"| ``{part}``" for part in entry["test"].removeprefix("tests.").split("."))


def errors() -> Iterator[str]:
    """
    List the codes of refused requests.
    """
    rows = [(str(number), text, str(HandshakeError(number).status)) for number, text in HANDSHAKE_MESSAGES.items()]
    return list_table(("code", "message", "status"), rows, "15 65 20")


def generations() -> Iterator[str]:
    """
    Compare the records of the generations.
    """
    records = list(GenerationTable(GENERATIONS).by_name.values())
    facts: list[tuple[str, Callable[[Generation], str]]] = [
        ("name in the option ``generations``", lambda record: literal(record.name)),
        ("told apart by", how_told),
        ("who sends heartbeats", lambda record: HEARTBEATS[record.heartbeat][0]),
        ("joined to the root unasked", lambda record: "yes" if record.implicit_root else "no: the client connects"),
        ("``connect_timeout`` applies", lambda record: "no" if record.implicit_root else "yes"),
        ("``sid`` of a namespace", kind_of_id),
        ("``auth`` of a namespace", auth_of),
        ("two packets in one poll's answer", two_in_a_poll),
    ]
    rows = [[what, *(tell(record) for record in records)] for what, tell in facts]
    return list_table(("", "3.x and 4.x", "1.x and 2.x", "0.7 to 0.9"), rows, "25 25 25 25")


def how_told(record: Generation) -> str:
    """
    Say how the requests of a generation are recognised.
    """
    if record.path_transports:
        return "the path ``/socket.io/1/``"
    return literal(f"{REVISION_PARAMETER}={record.revision}")


#: Who begins a heartbeat, and how it looks in the server's packets, by Generation.heartbeat.
HEARTBEATS = {
    "server": ("the server; the client answers", "``2``"),
    "client": ("the client; the server answers", "``3``, as the answer to ``2``"),
    "legacy": ("the server, over WebSocket and htmlfile; the client answers", "``2::``"),
}


def kind_of_id(record: Generation) -> str:
    """
    Say what the Socket.IO id of a client is.
    """
    if record.fresh_ids:
        return "a fresh one for each namespace"
    return (
        "the connection's" if record.plain_ids else "the connection's; ``/chat#`` before it elsewhere than at the root"
    )


def auth_of(record: Generation) -> str:
    """
    Say where the payload of a CONNECT comes from, by decoding one.
    """
    text = record.parser.encode(Packet(CONNECT, "/chat?room=1"))[0][1].decode()
    packet, _ = record.parser.decode(text)
    return "the query of the namespace, texts by name" if packet.data == {"room": "1"} else "any JSON object"


def two_in_a_poll(record: Generation) -> str:
    """
    Show how a payload as text holds two packets.
    """
    wire = record.wires["polling-b64"]
    packets = [piece for name in "ab" for piece in EncodedPacket(Packet(EVENT, "", None, [name]))[wire]]
    return literal(wire.join(packets).decode().replace("\x1e", "\\x1e").replace("\ufffd", "\\ufffd"))


_CHAT = "/chat"
PACKETS: list[tuple[str, Packet]] = [
    ("connected", Packet(CONNECT, _CHAT, None, {"sid": "mX2h"})),
    ("refused", Packet(CONNECT_ERROR, _CHAT, None, {"message": "full", "data": {"places": 0}})),
    ("event", Packet(EVENT, _CHAT, None, ["said", "ann", "hi"])),
    ("event that wants an ack", Packet(EVENT, "", 1, ["ask", 7])),
    ("acknowledgement", Packet(ACK, "", 1, ["yes", 7])),
    ("acknowledgement without arguments", Packet(ACK, "", 1, [])),
    ("event with bytes", Packet(EVENT, "", None, ["file", b"\x01\x02"])),
    ('``send("hi")``', Packet(MESSAGE, "", None, "hi")),
    ("left a namespace", Packet(DISCONNECT, _CHAT)),
]
CONTROLS = [("close", 1), ("noop", 6)]


def packets() -> Iterator[str]:
    """
    Show the same packets in the words of each generation.
    """
    records = list(GenerationTable(GENERATIONS).by_name.values())
    rows = [[what, *(rendered(EncodedPacket(packet), record) for record in records)] for what, packet in PACKETS]
    rows += [[what, *(rendered(EncodedControl(type), record) for record in records)] for what, type in CONTROLS]
    rows.append(["heartbeat", *(HEARTBEATS[record.heartbeat][1] for record in records)])
    return list_table(("the server sends", "3.x and 4.x", "1.x and 2.x", "0.7 to 0.9"), rows, "19 27 27 27")


def rendered(encoded: Any, record: Generation) -> str:
    """
    Show what goes over a WebSocket, one line for each frame.
    """
    try:
        frames = encoded[record.wires["unframed"]]
    except EncodeError:
        return "*cannot be carried*"
    lines = [data.decode() if opcode == 1 else f"bytes {data.hex(' ')}" for opcode, data in frames]
    return "\n".join(f"| {literal(line)}" for line in lines) or "*nothing*"


def modules(layer: str) -> Iterator[str]:
    """
    List the modules of a layer with what each says of itself.
    """
    # The law that says so is enforced there.
    from tests.test_house import layer_of

    for path in sorted((DOCS.parent / "txsocketio").rglob("*.py")):
        name = ".".join(path.relative_to(DOCS.parent / "txsocketio").with_suffix("").parts)
        if name.endswith("__init__") or layer_of(f"txsocketio.{name}") != int(layer):
            continue
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
        yield from (f"``{name}``", f"   {' '.join(first.split()).rstrip(':')}", "")


def private_names() -> Iterator[str]:
    """
    List the private names of libraries that are used, with what happens where one is gone.
    """
    rows = [
        (f"``{one.owner.rpartition('.')[2]}.{one.name}``", f"{one.purpose[:1].upper()}{one.purpose[1:]}.", one.without)
        for one in PRIVATE_NAMES
    ]
    yield from list_table(("Name", "What for", "Without it"), rows, "30 40 30")


def clients() -> Iterator[str]:
    """
    Show the table of published clients, where a run of the tests has made it.
    """
    if CLIENTS.is_file():
        yield from (".. code-block:: text", "")
        yield from indented(CLIENTS.read_text("utf-8"))
    else:
        yield "This build has no table: it is made by ``make test``."


def picture() -> Iterator[str]:
    """
    Show the demo, where the test that drives it in a browser has been told to take a picture.
    """
    if PICTURE.is_file():
        yield from (f".. image:: /{PICTURE.relative_to(DOCS)}", "   :alt: Two people in a room of the demo's chat.")


TABLES: dict[str, Callable[..., Iterator[str]]] = {
    table.__name__.replace("_", "-"): table
    for table in (
        clients,
        command_line,
        differences,
        errors,
        generations,
        interfaces,
        migration,
        modules,
        names,
        options,
        packets,
        picture,
        private_names,
    )
}
