"""
The documentation against the code: what pages name exists, what tables list is complete, what blocks show runs.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import InterfaceClass

import txsocketio
from tests.processes import ROOT
from txsocketio import BaseNamespace, ConnectionRefused, errors, interfaces, reasons
from txsocketio.engine.heartbeat import HEARTBEATS
from txsocketio.protocol.packet import RESERVED_EVENTS
from txsocketio.support.options import EngineOptions, SocketOptions
from txsocketio.tap import Options
from txsocketio.testing import Client, connect

DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"

#: What must have a mark, a meaning and a test: the list that the namespace API was agreed upon.
AGREED = (
    *"""
    initialize session request ns_name environ socket jobs emit send error error_handler disconnect recv_connect
    recv_message recv_json recv_error recv_disconnect exception_handler_decorator process_event spawn kill_local_jobs
    get_initial_acl add_acl_method del_acl_method lift_acl_restrictions reset_acl is_method_allowed allowed_methods
    process_packet call_method_with_acl call_method RoomsMixin BroadcastMixin GLOBAL_NS socketio_manage
    txsocketio.packet Socket.sessid Socket.session Socket.request Socket.environ Socket.active_ns Socket[ns]
    Socket.remove_namespace Socket.send_packet Socket.disconnect Socket.kill Socket.spawn Socket.whenClosed()
    """.split(),  # noqa: SIM905
    "the (self, packet) convention",
    "ns in Socket",
)


def tables() -> Any:
    """
    Give the module that the generated parts come from, which Sphinx finds in docs.
    """
    sys.path.insert(0, str(DOCS))
    try:
        return import_module("tables")
    finally:
        sys.path.remove(str(DOCS))


def pages() -> Iterator[tuple[Path, str]]:
    for path in sorted(DOCS.rglob("*.rst")):
        if "_build" not in path.parts:
            yield path, path.read_text("utf-8")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """
    Give the code blocks of a language with the pages they are on.
    """
    for path, text in pages():
        for match in re.finditer(rf"^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", text, re.MULTILINE):
            yield path.name, "\n".join(line[3:] for line in match[1].splitlines())


def find(dotted: str) -> Any:
    """
    Find what a dotted name names, a module or something in one.

    :raises AttributeError: when it is not there.
    """
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found
    raise AttributeError(dotted)


class DataTests(SynchronousTestCase):
    """
    The files that tables are made from.
    """

    def setUp(self) -> None:
        self.tables = tables()

    def test_every_agreed_name_is_there_with_its_test(self) -> None:
        listed = {re.split(r"\((?!\))", entry["name"])[0]: entry for entry in self.tables.load(self.tables.NAMES)}
        listed |= {entry["name"]: entry for entry in listed.values()}
        self.assertEqual([name for name in AGREED if "test" not in listed.get(name, {})], [])

    def test_every_entry_is_whole(self) -> None:
        for entry in self.tables.load(self.tables.NAMES):
            self.assertIn(entry["mark"], ("same", "changed", "gone"), entry["name"])
            self.assertEqual("meaning" in entry, "object" in entry or "test" in entry, entry["name"])
            if entry["mark"] != "same":
                self.assertTrue(entry["change"], entry["name"])
            if "object" in entry and entry["object"] != "txsocketio.Socket.session":
                find(entry["object"])

    def test_every_test_that_is_named_exists(self) -> None:
        for path in (self.tables.NAMES, self.tables.DIFFERENCES):
            for entry in self.tables.load(path):
                if "test" in entry:
                    self.assertTrue(entry["test"].startswith("tests."), entry)
                    self.assertTrue(find(entry["test"]))

    def test_a_test_that_does_not_exist_would_be_noticed(self) -> None:
        self.assertRaises(AttributeError, find, "tests.test_docs.DataTests.test_nothing")
        self.assertRaises(AttributeError, find, "tests.test_nothing")


class GeneratedTests(SynchronousTestCase):
    """
    The parts made from the code.
    """

    def setUp(self) -> None:
        self.tables = tables()

    def make(self, name: str, *arguments: str) -> str:
        return "\n".join(self.tables.TABLES[name](*arguments))

    def test_every_part_is_on_a_page_and_every_page_asks_for_one_that_exists(self) -> None:
        asked = {name for _, text in pages() for name in re.findall(r"^\.\. generated:: ([\w-]+)", text, re.MULTILINE)}
        self.assertEqual(asked, set(self.tables.TABLES))

    def test_options(self) -> None:
        for record in (EngineOptions, SocketOptions):
            text = self.make("options", record.__name__)
            for field in fields(record):
                self.assertIn(f"``{field.name}``", text)
        self.assertIn("     - ``1_000_000``\n     - bytes of one request body", self.make("options", "EngineOptions"))

    def test_interfaces(self) -> None:
        text = self.make("interfaces")
        for name, interface in vars(interfaces).items():
            if isinstance(interface, InterfaceClass) and name != "Interface":
                self.assertIn(f".. py:class:: {name}\n", text)
                for member in interface.names():
                    self.assertRegex(text, rf"   .. py:(method|attribute):: {member}\b")

    def test_command_line(self) -> None:
        text = self.make("command-line")
        for name in Options().longOpt:
            if name.strip("=") not in ("help", "version", "rcfile"):
                self.assertIn(f"``--{name}``\n   ", text)

    def test_every_module_is_in_one_layer(self) -> None:
        architecture = (DOCS / "project" / "architecture.rst").read_text("utf-8")
        layers = re.findall(r"generated:: modules (\d)", architecture)
        listed = [line for layer in layers for line in self.make("modules", layer).splitlines() if line[:2] == "``"]
        package = ROOT / "txsocketio"
        names = {".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")}
        self.assertEqual(
            sorted(line.strip("`") for line in listed), sorted(name for name in names if "__init__" not in name)
        )

    def test_what_cannot_be_carried_is_binary_to_the_oldest(self) -> None:
        text = self.make("packets")
        self.assertEqual(text.count("*cannot be carried*"), 1)
        self.assertIn("``bytes 04 01 02``\n     - *cannot be carried*", text)
        self.assertEqual(self.tables.HEARTBEATS.keys(), HEARTBEATS.keys())

    def test_the_clients_table_comes_from_a_run(self) -> None:
        self.patch(self.tables, "CLIENTS", Path(self.mktemp()))
        self.assertIn("make test", self.make("clients"))
        self.tables.CLIENTS.write_text("connect  P W U\n", "utf-8")
        self.assertIn("   connect  P W U", self.make("clients"))

    def test_the_picture_is_shown_where_there_is_one(self) -> None:
        self.patch(self.tables, "PICTURE", DOCS / "images" / "none.png")
        self.assertEqual(self.make("picture"), "")
        self.patch(self.tables, "PICTURE", DOCS / "conf.py")
        self.assertIn(".. image:: /conf.py\n", self.make("picture"))


class PageTests(SynchronousTestCase):
    """
    What stands on pages.
    """

    def test_the_reference_has_every_public_name(self) -> None:
        reference = "".join(path.read_text("utf-8") for path in (DOCS / "reference").glob("*.rst"))
        for name in txsocketio.__all__:
            if not hasattr(errors, name):
                self.assertRegex(reference, rf"auto(class|function|data):: txsocketio\.{name}\n")

    def test_every_example_is_shown(self) -> None:
        shown = {Path(name).name for _, text in pages() for name in re.findall(r"literalinclude:: (\S+)", text)}
        self.assertEqual({path.name for path in EXAMPLES.iterdir() if path.is_file()} - shown, set())

    def test_python_blocks_run(self) -> None:
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        for page, text in blocks("python"):
            exec(compile(text, page, "exec"), {"__name__": page})

    def test_every_language_is_checked(self) -> None:
        languages = {name for _, text in pages() for name in re.findall(r"code-block:: (\w+)", text)}
        self.assertLessEqual(languages, {"console", "python", "text"})

    def test_console_blocks_are_commands_that_exist(self) -> None:
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        commands = [line for _, text in blocks("console") for line in text.splitlines() if line]
        self.assertTrue(commands)
        for line in commands:
            words = shlex.split(line.removeprefix("$ ").removeprefix("PYTHONPATH=. "))
            self.assertIn(words[0], ("twistd", "trial"), line)
            check = {"trial": self.check_trial, "-n": self.check_socketio, "-ny": self.check_file}
            check[words[0] if words[0] == "trial" else words[1]](words)

    def check_trial(self, words: list[str]) -> None:
        self.assertTrue((EXAMPLES / f"{words[1]}.py").is_file(), words)

    def check_file(self, words: list[str]) -> None:
        self.assertIn("application = ", (EXAMPLES / words[2]).read_text("utf-8"))

    def check_socketio(self, words: list[str]) -> None:
        self.assertEqual(words[:3], ["twistd", "-n", "socketio"])
        # Endpoints with files are opened where they are served, in tests.test_examples.
        options = Options()
        options.parseOptions([word for word in words[3:] if not word.startswith("--listen=ssl:")])
        self.assertTrue(options.server.mounts)

    def test_reserved_names_are_all_named(self) -> None:
        handlers = (DOCS / "howto" / "handlers.rst").read_text("utf-8")
        self.assertEqual([name for name in RESERVED_EVENTS if f"``{name}``" not in handlers], [])

    def test_every_dependency_has_its_reason_and_its_floor(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        page = (DOCS / "project" / "dependencies.rst").read_text("utf-8")
        terms = [line for line in page.splitlines() if re.match(r"\S.*\(from ", line)]
        named = re.findall(r"([\w.-]+) \(from ([\d.]+)\)", "\n".join(terms))
        required = [
            re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)(?:,<[\d.]+)?$", dependency)
            for dependency in chain(project["dependencies"], *project["optional-dependencies"].values())
            if not dependency.startswith("txsocketio[")
        ]
        self.assertNotIn([], required)
        self.assertEqual(sorted(named), sorted({floor for (floor,) in required}))

    def test_what_is_installed_is_above_the_floors(self) -> None:
        page = (DOCS / "project" / "dependencies.rst").read_text("utf-8")
        for name, floor in re.findall(r"([\w.-]+) \(from ([\d.]+)\)", page):
            installed = [int(number) for number in re.findall(r"\d+", version(name))]
            self.assertGreaterEqual(installed, [int(number) for number in floor.split(".")], name)


class Waiting(BaseNamespace):
    """
    Be in the middle of something when the end comes.
    """

    def on_wait(self) -> Deferred[None]:
        return Deferred()


class DisconnectionTests(SynchronousTestCase):
    """
    The table of the page on disconnection.
    """

    #: One way for each row, in their order. One of two clients on a connection acts, or is acted upon.
    WAYS: tuple[Callable[[Client, Client], object], ...] = (
        lambda one, two: one.disconnect(),
        lambda one, two: (two.disconnect(), one.disconnect()),
        lambda one, two: one.lose(),
        lambda one, two: one.connection._transport._end(reasons.TRANSPORT_ERROR),
        lambda one, two: (one.vanish(), one.advance(45)),
        lambda one, two: one.connection.send_raw("4nonsense"),
        lambda one, two: one.namespace.disconnect(),
        lambda one, two: one.namespace.socket.disconnect(),
        lambda one, two: one.namespace.socket.kill(),
        lambda one, two: one.server.shutdown(),
        lambda one, two: (one.emit("wait"), one.advance(30)),
    )

    def rows(self) -> list[list[str]]:
        text = (DOCS / "disconnection.rst").read_text("utf-8").partition(".. list-table::")[2].partition("\n\nThe ")[0]
        return [row.split("\n     - ") for row in text.split("\n   * - ")[2:]]

    def test_every_row(self) -> None:
        told = set()
        for act, (what, server_reason, client_reason, scope) in zip(self.WAYS, self.rows(), strict=True):
            for transport in ("websocket", "polling"):
                one = self.successResultOf(
                    connect(
                        {"/one": Waiting, "/two": Waiting},
                        namespace="/one",
                        transport=transport,
                        max_unfinished_handlers=1,
                    )
                )
                two = self.successResultOf(one.connect("/two"))
                socket = one.namespace.socket
                act(one, two)
                assert one.reason is not None, what
                self.assertEqual(server_reason.partition(";")[0], f"``{one.reason.server}``", what)
                self.assertEqual(client_reason, f"``{one.reason.client}``", what)
                self.assertEqual(scope.startswith("everything"), not socket.connected, what)
                told.add(one.reason.server)
        self.assertEqual(told | {reasons.FORCED_SERVER_CLOSE}, reasons.REASONS)


class GenerationTests(SynchronousTestCase):
    """
    What the page on generations says that older clients cannot do.
    """

    def test_older_clients_are_in_the_root_before_they_ask(self) -> None:
        class Shut(BaseNamespace):
            def recv_connect(self) -> None:
                raise ConnectionRefused("not here")

        classes = {"/": Shut, "/open": Waiting}
        for generation in ("eio3", "legacy"):
            self.failureResultOf(connect(classes, namespace="/", generation=generation), ConnectionRefused)
            client = self.successResultOf(connect(classes, namespace="/open", generation=generation))
            self.assertNotIn("/", client.namespace.socket)
            self.assertTrue(client.namespace.socket.connected)

    def test_the_oldest_close_by_leaving_the_root(self) -> None:
        for generation, stays in (("eio4", True), ("eio3", True), ("legacy", False)):
            client = self.successResultOf(connect(Waiting, generation=generation))
            socket = client.namespace.socket
            client.disconnect()
            self.assertIs(socket.connected, stays)
