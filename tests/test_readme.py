"""
What README.rst shows is run as it is written there, but for the port.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.request import urlopen

import socketio
from docutils import nodes
from docutils.core import publish_doctree
from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ROOT, free_port, run, script, started

DEFAULT_ADDRESS = "tcp:8000:interface=127.0.0.1"
PATIENCE = 10


def code_blocks() -> dict[str, str]:
    """
    Give the README's named blocks by name; a fault in its markup is an error.
    """
    settings = {"halt_level": 2, "report_level": 2, "syntax_highlight": "none", "file_insertion_enabled": False}
    tree = publish_doctree((ROOT / "README.rst").read_text("utf-8"), settings_overrides=settings)
    return {name: block.astext() + "\n" for block in tree.findall(nodes.literal_block) for name in block["names"]}


class Client:
    """
    A client of python-socketio in one namespace, which remembers the events it gets.
    """

    def __init__(self, port: int, namespace: str, auth: Any = None) -> None:
        self._namespace = namespace
        self._events: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        self._client = socketio.Client()
        self._client.on("*", lambda *event: self._events.put(event), namespace=namespace)
        self._client.connect(f"http://127.0.0.1:{port}", namespaces=[namespace], auth=auth, wait_timeout=PATIENCE)

    def call(self, event: str, data: Any) -> Any:
        return self._client.call(event, data, namespace=self._namespace, timeout=PATIENCE)

    def next(self) -> tuple[Any, ...]:
        return self._events.get(timeout=PATIENCE)

    def close(self) -> None:
        self._client.disconnect()


class ReadmeTests(SynchronousTestCase):
    """
    The four uses.
    """

    def setUp(self) -> None:
        self.blocks = code_blocks()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)
        self.port = free_port()
        for name, text in self.blocks.items():
            if "." in name:
                here = text.replace(DEFAULT_ADDRESS, f"tcp:{self.port}:interface=127.0.0.1")
                (self.directory / name).write_text(here, "utf-8")

    @contextmanager
    def running(self, block: str, *more: str) -> Iterator[None]:
        words = shlex.split(self.blocks[block].removeprefix("$ "))
        # tests.processes has this tree on PYTHONPATH already.
        path = self.directory if words[0] == "PYTHONPATH=." else None
        command = [script(word) if word == "twistd" else word for word in words if not word.startswith("PYTHONPATH")]
        with started(*command, *more, cwd=self.directory, until=f"starting on {self.port}", path=path):
            yield

    def client(self, namespace: str, auth: Any = None) -> Client:
        client = Client(self.port, namespace, auth)
        self.addCleanup(client.close)
        return client

    def _chats(self) -> None:
        ann, bob = self.client("/chat", {"nick": "ann"}), self.client("/chat")
        self.assertEqual(ann.call("say", "hello \U0001f600"), "ok")
        self.assertEqual(bob.next(), ("said", "ann", "hello \U0001f600"))
        self.assertEqual(bob.call("later", 0.01), ("done", 0.01))

    def test_every_block_has_a_name(self) -> None:
        self.assertEqual(self.blocks.keys() & {"chat.py", "run-it"}, {"chat.py", "run-it"})
        text = (ROOT / "README.rst").read_text("utf-8")
        self.assertEqual(text.count(".. code-block::"), len(self.blocks))

    def test_run_it(self) -> None:
        with self.running("run-it", f"--listen=tcp:{self.port}:interface=127.0.0.1"):
            self._chats()

    def test_put_it_in_a_site(self) -> None:
        (self.directory / "htdocs").mkdir()
        (self.directory / "htdocs" / "index.html").write_text("the page", "utf-8")
        with self.running("run-site"):
            self._chats()
            with urlopen(f"http://127.0.0.1:{self.port}/", timeout=PATIENCE) as answer:
                self.assertEqual(answer.read(), b"the page")

    def test_one_server_emits_from_outside(self) -> None:
        with self.running("run-server"):
            self.assertEqual(self.client("/chat").next(), ("news", 1))

    def test_write_handlers(self) -> None:
        with self.running("run-handlers", f"--listen=tcp:{self.port}:interface=127.0.0.1"):
            client = self.client("/handlers")
            self.assertEqual(client.call("add", (1, 2)), 3)
            self.assertEqual(client.call("later", 0.01), "later")
            self.assertEqual(client.call("twice", 0.01), ("first", "second"))

    def test_test_it(self) -> None:
        self.assertEqual(self.blocks["run-tests"], "$ PYTHONPATH=. trial test_chat\n")
        done = run(script("trial"), "test_chat", cwd=self.directory, path=self.directory)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASSED (successes=4)", done.stdout)
