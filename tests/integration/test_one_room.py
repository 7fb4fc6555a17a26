"""
Clients of every generation talk in one room.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import socketio
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.node import ensure_packages, environment, node
from tests.processes import free_port, script, started

ROOM = "r\u00f6\u00f6m"
#: How much each says.
COUNT = 20


class JavaScript:
    """
    Be a published JavaScript client, in a process of its own.
    """

    def __init__(self, package: str, transport: str, port: int) -> None:
        self.name = package
        job = {"client": package, "transport": transport, "port": port, "room": ROOM, "name": package}
        self._process = subprocess.Popen(
            [node(), "room.js", json.dumps(job)],
            cwd=ensure_packages(),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Whoever waits for an answer that does not come is told of the end instead.
        self._watchdog = threading.Timer(60, self._process.kill)
        self._watchdog.start()

    def answer(self) -> Any:
        """
        Wait for what it has to say to the order before.
        """
        line = self._process.stdout.readline()
        assert line, f"{self.name} has ended"
        return json.loads(line)

    def say(self) -> None:
        self._order(f"say {COUNT}")

    def heard(self) -> list[Any]:
        self._order("heard")
        return self.answer()

    def _order(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()
        self._watchdog.cancel()


class Python:
    """
    Be python-socketio's AsyncClient, whose loop runs in a thread: its Client has a thread for each message, and those
    may overtake one another.
    """

    name = "python"

    def __init__(self, transport: str, port: int) -> None:
        self._heard: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._client = socketio.AsyncClient(handle_sigint=False, reconnection=False)
        self._client.on("said", lambda *args: self._heard.append(list(args)))
        self._wait(self._client.connect(f"http://127.0.0.1:{port}", transports=[transport]))
        self._wait(self._client.call("join", ROOM))

    def _wait(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def answer(self) -> str:
        self._wait(self._client.call("echo"))
        return "said"

    def say(self) -> None:
        for index in range(COUNT):
            self._wait(self._client.emit("shout", (ROOM, *saying(self.name, index))))

    def heard(self) -> list[Any]:
        self._wait(self._client.call("echo"))
        return self._heard

    def close(self) -> None:
        self._wait(self._client.disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def saying(name: str, index: int) -> list[Any]:
    return [name, index, {"text": f"\u00e9 \U0001f600 {index}"}]


class OneRoom(SynchronousTestCase):
    def test_by_websocket(self) -> None:
        """
        Each says something; each of the others hears it once, in order, over WebSockets.
        """
        self.talk("websocket", "websocket", "websocket", "websocket")

    def test_by_polling(self) -> None:
        """
        The same by polling.
        """
        self.talk("polling", "polling", "polling", "polling")

    def test_by_both(self) -> None:
        """
        The same where each has a transport of its own.
        """
        self.talk("polling", "websocket", "polling", "websocket")

    def talk(self, *transports: str) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        twistd = (script("twistd"), "-n", "--pidfile=", "socketio", listen, "--namespaces=tests.integration.fixture")
        with started(*twistd, cwd=directory, until="starting on", timeout=120), ExitStack() as stack:
            speakers: list[Any] = []
            for package, transport in zip(("sio0", "sio2", "sio4"), transports, strict=False):
                speakers.append(JavaScript(package, transport, port))
                stack.callback(speakers[-1].close)
            self.assertEqual(["joined"] * 3, [speaker.answer() for speaker in speakers])
            speakers.append(Python(transports[-1], port))
            stack.callback(speakers[-1].close)
            for speaker in speakers:
                speaker.say()
            self.assertEqual(["said"] * 4, [speaker.answer() for speaker in speakers])
            heard = {speaker.name: speaker.heard() for speaker in speakers}
        for hearer, everything in heard.items():
            for speaker in heard:
                wanted = [saying(speaker, index) for index in range(COUNT)] if speaker != hearer else []
                got = [said for said in everything if said[0] == speaker]
                self.assertEqual(wanted, got, f"{hearer} of {speaker}")
